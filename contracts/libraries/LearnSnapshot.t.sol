// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bodies, Place} from "../test/Bodies.sol";
import {FormatsHarness} from "../test/FormatsHarness.sol";
import {VM} from "../test/Vm.sol";
import {Learn, LearnSnapshot} from "./LearnSnapshot.sol";

contract LearnSnapshotTest {
    address private constant AUTHOR = address(0xA0);
    bytes32 private constant SALT = keccak256("salt");

    FormatsHarness private _harness;

    function setUp() public {
        _harness = new FormatsHarness();
    }

    function _body(bytes memory definition, uint32 start, uint32 first, uint32 count)
        private
        pure
        returns (bytes memory)
    {
        bytes memory range = abi.encodePacked(start, first, count);
        return Bodies.learn(keccak256("turn"), Place(1, 2), definition, range, 90, keccak256("context"));
    }

    function _defined(uint32 columns, bytes memory orders) private pure returns (bytes memory) {
        return _body(Bodies.definition(columns, orders, SALT, new address[](0)), 3, 7, 1);
    }

    function _learnt(uint32 start, uint32 first, uint32 count) private pure returns (bytes memory) {
        return _body(Bodies.definition(300, hex"0103", SALT, new address[](0)), start, first, count);
    }

    function _refused(bytes memory body, string memory field) private {
        VM.expectRevert(abi.encodeWithSelector(LearnSnapshot.LearnSnapshotInvalid.selector, field));
        _harness.readLearn(body, AUTHOR);
    }

    function testFuzz_ReadsEveryField(uint32 start, uint32 first, uint32 count, address author) public view {
        first = start > first ? start : first;
        count = 1 + count % 32;
        address[] memory writers = new address[](2);
        (writers[0], writers[1]) = (address(1), AUTHOR);
        bytes memory definition = Bodies.definition(300, hex"0103", SALT, writers);
        Learn memory learn = _harness.readLearn(_body(definition, start, first, count), author);
        assert(learn.memoryId == keccak256(abi.encodePacked("Weft memory", definition)));
        assert(learn.columns == 300 && keccak256(learn.orders) == keccak256(hex"0103") && learn.salt == SALT);
        assert(learn.start == start && learn.first == first && learn.count == count);
        assert(learn.contextRoot == keccak256("context"));
        assert(learn.mayTeach == (author == AUTHOR || author == address(1)));
        assert(_harness.readLearn(_body(definition, start, first, count), AUTHOR).mayTeach);
    }

    function test_WithoutWritersAnybodyTeaches() public view {
        assert(_harness.readLearn(_learnt(0, 0, 1), AUTHOR).mayTeach);
    }

    function test_TheWidestAndTheNarrowestAreRead() public view {
        Learn memory learn = _harness.readLearn(_defined(1 << 18, hex"0102030405060708"), AUTHOR);
        assert(learn.columns == 1 << 18 && learn.orders.length == 8);
        assert(_harness.readLearn(_defined(1, hex"08"), AUTHOR).columns == 1);
        assert(_harness.readLearn(_learnt(5, 5, 32), AUTHOR).count == 32);
        address[] memory writers = new address[](32);
        for (uint256 i = 0; i < 32; ++i) {
            writers[i] = address(uint160(i + 1));
        }
        bytes memory definition = Bodies.definition(9, hex"01", SALT, writers);
        assert(!_harness.readLearn(_body(definition, 0, 0, 1), AUTHOR).mayTeach);
    }

    function test_EveryLengthButItsOwnIsRefused() public {
        bytes memory body = _learnt(0, 0, 1);
        for (uint256 length = 0; length < body.length; ++length) {
            bytes memory cut = new bytes(length);
            for (uint256 i = 0; i < length; ++i) {
                cut[i] = body[i];
            }
            _refused(cut, "length");
        }
        _refused(bytes.concat(body, hex"00"), "length");
    }

    function test_ColumnsAndOrdersHaveBounds() public {
        _refused(_defined(0, hex"01"), "columns");
        _refused(_defined((1 << 18) + 1, hex"01"), "columns");
        _refused(_defined(300, ""), "orders");
        _refused(_defined(300, hex"010203040506070809"), "orders");
        // However short it is.
        _refused(abi.encodePacked(uint8(3), new bytes(44), uint32(300), uint8(9), uint8(1)), "orders");
        _refused(_defined(300, hex"09"), "orders");
        _refused(_defined(300, hex"00"), "orders");
        _refused(_defined(300, hex"0202"), "orders");
        _refused(_defined(300, hex"0201"), "orders");
    }

    function test_WritersHaveABound() public {
        bytes memory definition = Bodies.definition(300, hex"01", SALT, new address[](33));
        _refused(_body(definition, 0, 0, 1), "writers");
    }

    function test_WhatIsLearntHasBounds() public {
        _refused(_learnt(5, 4, 1), "first");
        _refused(_learnt(5, 5, 0), "count");
        _refused(_learnt(5, 5, 33), "count");
    }
}
