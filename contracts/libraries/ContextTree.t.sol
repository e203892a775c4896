// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {FormatsHarness} from "../test/FormatsHarness.sol";
import {Grove} from "../test/Grove.sol";
import {VM} from "../test/Vm.sol";
import {WeftTree} from "./WeftTree.sol";

contract ContextTreeTest {
    FormatsHarness private _harness;

    function setUp() public {
        _harness = new FormatsHarness();
    }

    function _ids(uint256 count) private pure returns (uint32[] memory ids) {
        ids = new uint32[](count);
        for (uint256 i = 0; i < count; ++i) {
            ids[i] = uint32(uint256(keccak256(abi.encode(i))));
        }
    }

    function _part(uint32[] memory ids, uint256 first, uint256 last) private pure returns (uint32[] memory part) {
        part = new uint32[](last + 1 - first);
        for (uint256 i = first; i <= last; ++i) {
            part[i - first] = ids[i];
        }
    }

    function testFuzz_OneTokenIsThere(uint8 length, uint8 position, uint32 other) public view {
        uint32[] memory ids = _ids(1 + length % 13);
        uint32 position_ = uint32(position % ids.length);
        VM.assume(other != ids[position_]);
        bytes32 root = Grove.contextRoot(ids);
        bytes32[] memory proof = Grove.path(WeftTree.CONTEXT, Grove.context(ids), position_);
        assert(_harness.verifyContext(root, position_, ids[position_], proof));
        assert(!_harness.verifyContext(root, position_, other, proof));
        assert(!_harness.verifyContext(root, position_ + 1, ids[position_], proof));
    }

    function testFuzz_ARangeIsThere(uint8 length, uint8 from, uint8 to) public view {
        uint32[] memory ids = _ids(1 + length % 13);
        uint256 first = from % ids.length;
        uint256 last = first + to % (ids.length - first);
        uint32[] memory part = _part(ids, first, last);
        bytes32[] memory siblings = Grove.beside(ids, first, last);
        bytes32 root = Grove.contextRoot(ids);
        assert(_harness.verifyRange(root, first, part, siblings));
        assert(!_harness.verifyRange(root, first + 1, part, siblings));
        assert(!_harness.verifyRange(keccak256("other"), first, part, siblings));
        part[to % part.length] ^= 1;
        assert(!_harness.verifyRange(root, first, part, siblings));
    }

    function test_NothingIsNoRange() public view {
        uint32[] memory ids = _ids(3);
        bytes32 root = Grove.contextRoot(ids);
        assert(!_harness.verifyRange(root, 0, new uint32[](0), Grove.beside(ids, 0, 0)));
        assert(!_harness.verifyRange(0, 0, ids, Grove.beside(ids, 0, 2)));
    }

    function test_ARangeOutsideOfTheTreeIsNotThere() public view {
        uint32[] memory ids = _ids(2);
        bytes32 root = Grove.contextRoot(ids);
        bytes32[] memory siblings = Grove.beside(ids, 0, 1);
        assert(_harness.verifyRange(root, 0, ids, siblings));
        // The same path, for whoever reads only the lower bits.
        assert(!_harness.verifyRange(root, 1 << 24, ids, siblings));
        assert(!_harness.verifyRange(root, (1 << 24) - 1, ids, siblings));
    }

    function test_ARangeHasAsManySiblingsAsItNeeds() public view {
        uint32[] memory ids = _ids(3);
        bytes32 root = Grove.contextRoot(ids);
        bytes32[] memory siblings = Grove.beside(ids, 0, 1);
        bytes32[] memory more = new bytes32[](siblings.length + 1);
        bytes32[] memory fewer = new bytes32[](siblings.length - 1);
        for (uint256 i = 0; i < siblings.length; ++i) {
            more[i] = siblings[i];
            if (i < fewer.length) fewer[i] = siblings[i];
        }
        assert(!_harness.verifyRange(root, 0, _part(ids, 0, 1), more));
        assert(!_harness.verifyRange(root, 0, _part(ids, 0, 1), fewer));
        assert(!_harness.verifyRange(root, 0, _part(ids, 0, 1), new bytes32[](0)));
    }
}
