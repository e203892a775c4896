// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {FormatsHarness} from "../test/FormatsHarness.sol";
import {VM} from "../test/Vm.sol";
import {TokensSnapshot} from "./TokensSnapshot.sol";

contract TokensSnapshotTest {
    FormatsHarness private _harness;

    function setUp() public {
        _harness = new FormatsHarness();
    }

    function testFuzz_ReadsEveryToken(uint32 first, uint32[] memory ids) public view {
        first %= 1 << 24;
        bytes memory body = _body(2, first, 3, ids, uint32(ids.length));
        for (uint256 i = 0; i < ids.length; ++i) {
            assert(_harness.tokenAt(body, first + uint32(i)) == ids[i]);
        }
    }

    function testFuzz_OtherPositionsAreRefused(uint32 first, uint32 position, uint32[] memory ids) public {
        VM.assume(position < first || position - first >= ids.length);
        bytes memory body = _body(2, first, 3, ids, uint32(ids.length));
        VM.expectRevert(
            abi.encodeWithSelector(
                TokensSnapshot.TokensSnapshotPositionOutOfRange.selector, position, first, ids.length
            )
        );
        _harness.tokenAt(body, position);
    }

    function test_ThePositionAfterTheLastIsRefused() public {
        bytes memory body = _body(2, 7, 3, new uint32[](2), 2);
        VM.expectRevert(
            abi.encodeWithSelector(TokensSnapshot.TokensSnapshotPositionOutOfRange.selector, 9, 7, 2)
        );
        _harness.tokenAt(body, 9);
    }

    function testFuzz_LengthMustMatchTheCount(uint32 count, uint32[] memory ids) public {
        VM.assume(count != ids.length);
        bytes memory body = _body(2, 0, 3, ids, count);
        VM.expectRevert(
            abi.encodeWithSelector(
                TokensSnapshot.TokensSnapshotWrongLength.selector, 118 + 4 * uint256(count), body.length
            )
        );
        _harness.tokenAt(body, 0);
    }

    function test_ShortBodyIsRefused() public {
        VM.expectRevert(abi.encodeWithSelector(TokensSnapshot.TokensSnapshotWrongLength.selector, 118, 117));
        _harness.tokenAt(new bytes(117), 0);
    }

    function test_OtherKindsAreRefused() public {
        bytes memory body = _body(4, 0, 3, new uint32[](1), 1);
        VM.expectRevert(abi.encodeWithSelector(TokensSnapshot.TokensSnapshotWrongKind.selector, 4));
        _harness.tokenAt(body, 0);
    }

    function test_UnknownTokenKindsAreRefused() public {
        for (uint8 kind = 0; kind < 8; kind += 4) {
            bytes memory body = _body(2, 0, kind, new uint32[](1), 1);
            VM.expectRevert(abi.encodeWithSelector(TokensSnapshot.TokensSnapshotUnknownTokenKind.selector, kind));
            _harness.tokenAt(body, 0);
        }
    }

    function _body(uint8 kind, uint32 first, uint8 tokenKind, uint32[] memory ids, uint32 count)
        private
        pure
        returns (bytes memory body)
    {
        body = abi.encodePacked(
            kind, keccak256("turn"), uint64(1), uint32(0), first, tokenKind, keccak256("root"), keccak256("rows"), count
        );
        for (uint256 i = 0; i < ids.length; ++i) {
            body = abi.encodePacked(body, ids[i]);
        }
    }
}
