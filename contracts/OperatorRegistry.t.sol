// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {OperatorRegistry} from "./OperatorRegistry.sol";
import {IOperatorRegistry, OperatorStatus, RegistryParameters} from "./interfaces/IOperatorRegistry.sol";
import {OperatorSet} from "./libraries/OperatorSet.sol";
import {VM} from "./test/Vm.sol";
import {WeftFixture} from "./test/WeftFixture.sol";

contract OperatorRegistryTest is WeftFixture {
    function testFuzz_UnbondingOutlastsEveryLiability(uint32 unbonding) public {
        RegistryParameters memory p = _parameters();
        p.unbondingSeconds = unbonding;
        if (unbonding <= 55) {
            VM.expectRevert(
                abi.encodeWithSelector(
                    IOperatorRegistry.OperatorRegistryUnbondingTooShort.selector, uint256(unbonding), uint256(55)
                )
            );
        }
        new OperatorRegistry(address(manager), token, p);
    }

    function test_BadParametersAreRefused() public {
        RegistryParameters memory p = _parameters();
        p.minStake = 0;
        _refuses(p, "minStake");
        p = _parameters();
        p.bounty = MIN_STAKE / 10 + 1;
        _refuses(p, "bounty");
        p = _parameters();
        p.minOperators = 0;
        _refuses(p, "minOperators");
        p.minOperators = 17;
        _refuses(p, "maxOperators");
        p = _parameters();
        p.maxOperators = 129;
        _refuses(p, "maxOperators");
        p = _parameters();
        p.maxChangesPerEpoch = 0;
        _refuses(p, "maxChangesPerEpoch");
        p = _parameters();
        p.epochSeconds = 0;
        _refuses(p, "epochSeconds");
        p = _parameters();
        p.challengeWindowSeconds = 0;
        _refuses(p, "challengeWindowSeconds");
        p = _parameters();
        p.retentionSeconds = 14;
        _refuses(p, "retentionSeconds");
    }

    function test_OnlyCourtsSlash() public {
        _found();
        VM.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, address(this)));
        registry.slash(_owner(0), REPORTER, set);
    }

    function test_OnlyMintersMint() public {
        VM.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, REPORTER));
        VM.prank(REPORTER);
        token.mint(REPORTER, 1);
    }

    function test_JoiningHasConditions() public {
        _found();
        bytes memory consent = _consent(9, 9);
        bytes memory call = abi.encodeCall(registry.join, (_signer(9), "h:1", MIN_STAKE - 1, consent));
        _refused(
            _owner(9),
            call,
            abi.encodeWithSelector(IOperatorRegistry.OperatorRegistryStakeTooSmall.selector, MIN_STAKE - 1, MIN_STAKE)
        );
        _refused(
            _owner(9),
            abi.encodeCall(registry.join, (_signer(9), "", MIN_STAKE, consent)),
            abi.encodeWithSelector(IOperatorRegistry.OperatorRegistryInvalidEndpoint.selector, 0, 255)
        );
        _refused(
            _owner(9),
            abi.encodeCall(registry.join, (_signer(0), "h:1", MIN_STAKE, consent)),
            abi.encodeWithSelector(IOperatorRegistry.OperatorRegistrySignerTaken.selector, _signer(0))
        );
        _refused(
            _owner(9),
            abi.encodeCall(registry.setEndpoint, ("h:1")),
            abi.encodeWithSelector(
                IOperatorRegistry.OperatorRegistryWrongStatus.selector, _owner(9), OperatorStatus.None
            )
        );
        for (uint256 i = 4; i < 16; ++i) {
            _join(i, MIN_STAKE);
        }
        call = abi.encodeCall(registry.join, (_signer(16), "h:1", MIN_STAKE, consent));
        _refused(
            _owner(16), call, abi.encodeWithSelector(IOperatorRegistry.OperatorRegistryFull.selector, uint256(16))
        );
        uint256[] memory other = new uint256[](0);
        _refused(
            _owner(0),
            abi.encodeCall(registry.activateEpoch, (other)),
            abi.encodeWithSelector(
                IOperatorRegistry.OperatorRegistrySetMismatch.selector, registry.setHash(), OperatorSet.hash(other)
            )
        );
    }

    /// Who leaves before it was listed never was; who is convicted before it was listed never will be.
    function test_PendingOperatorsLeaveAndAreConvicted() public {
        for (uint256 i = 0; i < 6; ++i) {
            _join(i, MIN_STAKE);
        }
        _requestExit(4);
        _slash(5);
        registry.activateEpoch(set);
        for (uint256 i = 0; i < 4; ++i) {
            _list(OperatorSet.word(_signer(i), MIN_STAKE));
        }
        assert(registry.setHash() == OperatorSet.hash(set));
        assert(registry.operatorOf(_owner(4)).status == OperatorStatus.Left);
        assert(registry.operatorOf(_owner(5)).listedSigner == address(0));
    }

    /// A stake is slashed once, and not after it was withdrawn, whatever a court says.
    function test_AStakeIsLostOnce() public {
        _found();
        _requestExit(1);
        _nextEpoch();
        _unlist(_signer(1));
        VM.warp(block.timestamp + UNBONDING);
        VM.prank(_owner(1));
        registry.withdraw();
        _convict(0);
        for (uint256 i = 0; i < 2; ++i) {
            OperatorStatus status = i == 0 ? OperatorStatus.Convicted : OperatorStatus.Withdrawn;
            _refused(
                address(court),
                abi.encodeCall(registry.slash, (_owner(i), REPORTER, set)),
                abi.encodeWithSelector(IOperatorRegistry.OperatorRegistryWrongStatus.selector, _owner(i), status)
            );
        }
    }

    function test_TheFirstActivationWaitsForEnough() public {
        _join(0, MIN_STAKE);
        VM.expectRevert(
            abi.encodeWithSelector(IOperatorRegistry.OperatorRegistryTooFewOperators.selector, uint256(1), uint256(4))
        );
        registry.activateEpoch(set);
    }

    function _refused(address from, bytes memory call, bytes memory why) private {
        VM.prank(from);
        // solhint-disable-next-line avoid-low-level-calls
        (bool ok, bytes memory said) = address(registry).call(call);
        assert(!ok && keccak256(said) == keccak256(why));
    }

    /// Ordinary changes are applied oldest first, no more than the cap in one epoch.
    function test_ChangesAreCappedPerEpoch() public {
        _found();
        for (uint256 i = 4; i < 9; ++i) {
            _join(i, MIN_STAKE);
        }
        for (uint256 i = 4; i < 9; i += 2) {
            _nextEpoch();
            _list(OperatorSet.word(_signer(i), MIN_STAKE));
            if (i < 8) _list(OperatorSet.word(_signer(i + 1), MIN_STAKE));
            assert(registry.setHash() == OperatorSet.hash(set));
        }
        assert(registry.pendingChanges() == 0);
    }

    /// A retired key answers for what it signs, whenever that is, as long as its operator has stake.
    function test_RetiredKeyStaysSlashable() public {
        _found();
        bytes memory consent = _consent(0, 50);
        VM.prank(_owner(0));
        registry.rotateSigner(_signer(50), consent);
        _nextEpoch();
        _unlist(_signer(0));
        _list(OperatorSet.word(_signer(50), MIN_STAKE));
        VM.warp(block.timestamp + 3 * UNBONDING);
        assert(registry.isSlashable(_signer(0)));
        assert(registry.isSlashable(_signer(50)));
        assert(registry.operatorOfSigner(_signer(0)) == _owner(0));
        _requestExit(0);
        registry.activateEpoch(set);
        VM.warp(block.timestamp + UNBONDING);
        assert(registry.isSlashable(_signer(0)));
        VM.prank(_owner(0));
        registry.withdraw();
        assert(!registry.isSlashable(_signer(0)));
        assert(!registry.isSlashable(_signer(50)));
    }

    /// S12: whatever becomes of operators, the registry holds exactly the stakes and bounties that it owes.
    function testFuzz_TheMoneyAddsUp(uint256 plan) public {
        uint96[] memory stakes = new uint96[](6);
        for (uint256 i = 0; i < 6; ++i) {
            stakes[i] = MIN_STAKE + uint96(uint256(keccak256(abi.encode(plan, i))) % 1000 ether);
        }
        _found(stakes);
        uint256 supply = token.totalSupply();
        uint256 owed = supply;
        uint256 burned = 0;
        uint256 bounties = 0;
        for (uint256 i = 0; i < 6; ++i) {
            uint256 fate = (plan >> (8 * i)) % 3;
            if (fate == 1) {
                _requestExit(i);
            } else if (fate == 2) {
                _convict(i);
            }
        }
        while (registry.pendingChanges() > 0) {
            _nextEpoch();
            for (uint256 i = 0; i < 6; ++i) {
                bool left = registry.operatorOf(_owner(i)).status == OperatorStatus.Left;
                if (left && _listed(_signer(i))) _unlist(_signer(i));
            }
            assert(registry.setHash() == OperatorSet.hash(set));
        }
        VM.warp(block.timestamp + UNBONDING);
        for (uint256 i = 0; i < 6; ++i) {
            if ((plan >> (8 * i)) % 3 != 1) continue;
            VM.prank(_owner(i));
            registry.withdraw();
            assert(token.balanceOf(_owner(i)) == stakes[i]);
            owed -= stakes[i];
        }
        for (uint256 i = 0; i < 6; ++i) {
            if ((plan >> (8 * i)) % 3 != 2) continue;
            registry.settle(_owner(i));
            owed -= stakes[i];
            burned += stakes[i] - BOUNTY;
            bounties += BOUNTY;
        }
        assert(token.balanceOf(address(registry)) == owed);
        assert(token.totalSupply() == supply - burned);
        assert(token.balanceOf(REPORTER) == bounties);
    }

    function _listed(address signer) private view returns (bool) {
        for (uint256 i = 0; i < set.length; ++i) {
            if (OperatorSet.signerOf(set[i]) == signer) return true;
        }
        return false;
    }

    function _refuses(RegistryParameters memory p, string memory parameter) private {
        VM.expectRevert(
            abi.encodeWithSelector(IOperatorRegistry.OperatorRegistryInvalidParameters.selector, parameter)
        );
        new OperatorRegistry(address(manager), token, p);
    }
}
