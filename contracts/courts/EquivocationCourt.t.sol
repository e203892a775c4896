// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEquivocationCourt} from "../interfaces/IEquivocationCourt.sol";
import {IOperatorRegistry, OperatorStatus} from "../interfaces/IOperatorRegistry.sol";
import {SegmentHeader} from "../libraries/WeftTypes.sol";
import {VM} from "../test/Vm.sol";
import {WeftFixture} from "../test/WeftFixture.sol";

contract EquivocationCourtTest is WeftFixture {
    /// S9: a single history, or two in two incarnations or at two places, never convicts.
    function testFuzz_OneThingPerPlaceIsNoEvidence(uint64 sequence, uint64 other, bytes32 root, bytes16 incarnation)
        public
    {
        _found();
        SegmentHeader memory a = _header(0, sequence, root);
        SegmentHeader memory b = _header(0, other, keccak256(abi.encode(root)));
        VM.assume(sequence != other || incarnation != a.incarnation);
        b.incarnation = incarnation;
        bytes memory signatureA = _signHeader(0, a);
        bytes memory signatureB = _signHeader(0, b);
        VM.expectRevert(IEquivocationCourt.EquivocationCourtDifferentPlaces.selector);
        court.convict(a, signatureA, b, signatureB, set);
        bytes32 hash = ledger.headerHash(a);
        VM.expectRevert(abi.encodeWithSelector(IEquivocationCourt.EquivocationCourtSameHeader.selector, hash));
        court.convict(a, signatureA, a, signatureA, set);
        // One header is its own, the other somebody else's word.
        b = _header(0, sequence, keccak256(abi.encode(root)));
        signatureB = _signHeader(1, b);
        VM.expectRevert(
            abi.encodeWithSelector(
                IEquivocationCourt.EquivocationCourtForeignSigner.selector, _signer(1), _owner(0)
            )
        );
        court.convict(a, signatureA, b, signatureB, set);
        // Signing a header of another operator's track is no statement about one's own.
        b = _header(1, sequence, keccak256(abi.encode(root)));
        signatureB = _signHeader(0, b);
        VM.expectRevert(IEquivocationCourt.EquivocationCourtDifferentPlaces.selector);
        court.convict(a, signatureA, b, signatureB, set);
    }

    function testFuzz_TwoThingsAtOnePlaceConvictOnce(uint64 sequence, bytes32 rootA, bytes32 rootB) public {
        VM.assume(rootA != rootB);
        _found();
        SegmentHeader memory a = _header(2, sequence, rootA);
        SegmentHeader memory b = _header(2, sequence, rootB);
        bytes memory signatureA = _signHeader(2, a);
        bytes memory signatureB = _signHeader(2, b);
        uint256 supply = token.totalSupply();
        VM.prank(REPORTER);
        court.convict(a, signatureA, b, signatureB, set);
        _unlist(_signer(2));
        assert(registry.operatorOf(_owner(2)).status == OperatorStatus.Convicted);
        assert(registry.operatorOf(_owner(2)).reporter == REPORTER);
        assert(registry.lastSetPosition() == registry.position());
        VM.expectRevert(
            abi.encodeWithSelector(IEquivocationCourt.EquivocationCourtNotSlashable.selector, _signer(2))
        );
        court.convict(b, signatureB, a, signatureA, set);
        VM.expectRevert(
            abi.encodeWithSelector(
                IOperatorRegistry.OperatorRegistryWrongStatus.selector, _owner(2), OperatorStatus.Convicted
            )
        );
        VM.prank(_owner(2));
        registry.withdraw();
        registry.settle(_owner(2));
        assert(token.balanceOf(REPORTER) == BOUNTY);
        assert(token.totalSupply() == supply - (MIN_STAKE - BOUNTY));
        VM.expectRevert(abi.encodeWithSelector(IOperatorRegistry.OperatorRegistrySettled.selector, _owner(2)));
        registry.settle(_owner(2));
    }

    function _signHeader(uint256 i, SegmentHeader memory header) private view returns (bytes memory) {
        return _sign(_key(i), ledger.headerHash(header));
    }
}
