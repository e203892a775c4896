// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IOperatorRegistry, OperatorStatus} from "../interfaces/IOperatorRegistry.sol";
import {OperatorSet} from "../libraries/OperatorSet.sol";
import {VM} from "../test/Vm.sol";
import {WeftFixture} from "../test/WeftFixture.sol";

contract EpochQueueTest is WeftFixture {
    function test_AnOwnerJoinsOnce() public {
        _found();
        bytes memory consent = _consent(0, 20);
        VM.expectRevert(_wrongStatus(0, OperatorStatus.Active));
        VM.prank(_owner(0));
        registry.join(_signer(20), "h:1", MIN_STAKE, consent);
    }

    /// A key consents to one owner: what it signed for another is worth nothing.
    function test_AConsentIsToOneOwner() public {
        _found();
        bytes memory toAnother = _consent(21, 20);
        VM.expectRevert(
            abi.encodeWithSelector(IOperatorRegistry.OperatorRegistryNoConsent.selector, _signer(20))
        );
        VM.prank(_owner(20));
        registry.join(_signer(20), "h:1", MIN_STAKE, toAnother);
    }

    /// Only who is listed rotates, once per epoch; until the epoch the old key is the one that counts.
    function test_OneRotationPerEpoch() public {
        _found();
        _join(4, MIN_STAKE);
        bytes memory consent = _consent(4, 20);
        VM.expectRevert(_wrongStatus(4, OperatorStatus.Pending));
        VM.prank(_owner(4));
        registry.rotateSigner(_signer(20), consent);
        consent = _consent(0, 20);
        VM.prank(_owner(0));
        registry.rotateSigner(_signer(20), consent);
        assert(registry.operatorOf(_owner(0)).listedSigner == _signer(0));
        consent = _consent(0, 21);
        VM.expectRevert(
            abi.encodeWithSelector(IOperatorRegistry.OperatorRegistryRotationPending.selector, _owner(0))
        );
        VM.prank(_owner(0));
        registry.rotateSigner(_signer(21), consent);
    }

    /// What a convicted operator had queued is void: its old key is gone at once, and its new one never comes.
    function test_TheConvictedChangeNothing() public {
        _found();
        bytes memory consent = _consent(0, 20);
        VM.prank(_owner(0));
        registry.rotateSigner(_signer(20), consent);
        _requestExit(0);
        _convict(0);
        assert(registry.setHash() == OperatorSet.hash(set));
        _nextEpoch();
        assert(registry.setHash() == OperatorSet.hash(set));
        assert(registry.operatorOf(_owner(0)).status == OperatorStatus.Convicted);
    }

    function test_EndpointsAreOfThoseWhoTakePart() public {
        _found();
        _join(4, MIN_STAKE);
        _requestExit(1);
        bytes memory longest = new bytes(255);
        for (uint256 i = 0; i < 3; ++i) {
            VM.prank(_owner(i == 2 ? 4 : i));
            registry.setEndpoint(string(longest));
        }
        VM.expectRevert(
            abi.encodeWithSelector(IOperatorRegistry.OperatorRegistryInvalidEndpoint.selector, 256, 255)
        );
        VM.prank(_owner(0));
        registry.setEndpoint(string(new bytes(256)));
        _nextEpoch();
        VM.expectRevert(_wrongStatus(1, OperatorStatus.Left));
        VM.prank(_owner(1));
        registry.setEndpoint("h:1");
    }

    function test_AnEpochNeedsItsTimeAndSomethingToDo() public {
        _found();
        _join(4, MIN_STAKE);
        assert(registry.nextEpochAt() == block.timestamp + 1);
        VM.expectRevert(
            abi.encodeWithSelector(IOperatorRegistry.OperatorRegistryEpochTooEarly.selector, block.timestamp + 1)
        );
        registry.activateEpoch(set);
        _nextEpoch();
        _list(OperatorSet.word(_signer(4), MIN_STAKE));
        VM.warp(block.timestamp + 1);
        VM.expectRevert(IOperatorRegistry.OperatorRegistryNothingPending.selector);
        registry.activateEpoch(set);
    }

    /// Who stays keeps its stake here; who leaves asks once.
    function test_LeavingHasAnOrder() public {
        _found();
        VM.expectRevert(_wrongStatus(0, OperatorStatus.Active));
        VM.prank(_owner(0));
        registry.withdraw();
        _requestExit(0);
        VM.expectRevert(_wrongStatus(0, OperatorStatus.Exiting));
        _requestExit(0);
        VM.expectRevert(_wrongStatus(0, OperatorStatus.Exiting));
        VM.prank(_owner(0));
        registry.withdraw();
    }

    /// Nobody's stake is burnt without a conviction, and a conviction names the set that it changes.
    function test_OnlyTheConvictedAreSettled() public {
        _found();
        VM.expectRevert(_wrongStatus(0, OperatorStatus.Active));
        registry.settle(_owner(0));
        bytes32 actual = registry.setHash();
        uint256[] memory other = OperatorSet.copy(set, 3, 0);
        VM.expectRevert(
            abi.encodeWithSelector(
                IOperatorRegistry.OperatorRegistrySetMismatch.selector, actual, OperatorSet.hash(other)
            )
        );
        VM.prank(address(court));
        registry.slash(_owner(0), REPORTER, other);
    }

    /// However operators go, a seat is given back once: the set never exceeds its limit, and no seat is lost.
    function test_SeatsAreGivenBackOnce() public {
        _found();
        _requestExit(0);
        _nextEpoch();
        _unlist(_signer(0));
        _slash(0);
        _convict(1);
        for (uint256 i = 4; i < 18; ++i) {
            _join(i, MIN_STAKE);
        }
        bytes memory consent = _consent(18, 18);
        VM.expectRevert(abi.encodeWithSelector(IOperatorRegistry.OperatorRegistryFull.selector, uint256(16)));
        VM.prank(_owner(18));
        registry.join(_signer(18), "h:1", MIN_STAKE, consent);
    }

    /// The first activation waits for those who are still coming.
    function test_TheConvictedAndTheLeavingAreNotWaitedFor() public {
        for (uint256 i = 0; i < 5; ++i) {
            _join(i, MIN_STAKE);
        }
        _slash(0);
        _requestExit(1);
        VM.expectRevert(
            abi.encodeWithSelector(IOperatorRegistry.OperatorRegistryTooFewOperators.selector, uint256(3), uint256(4))
        );
        registry.activateEpoch(set);
    }

    function _wrongStatus(uint256 i, OperatorStatus status) private pure returns (bytes memory) {
        return abi.encodeWithSelector(
            IOperatorRegistry.OperatorRegistryWrongStatus.selector, _owner(i), status
        );
    }
}
