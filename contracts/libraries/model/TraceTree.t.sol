// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IInferenceCourt, TensorRun, TileAt} from "../../interfaces/IInferenceCourt.sol";
import {Lists} from "../../test/Lists.sol";
import {TraceHarness} from "../../test/TraceHarness.sol";
import {VM} from "../../test/Vm.sol";
import {Axis, ElementPlace, ElementRead, ModelConstant, ModelOp, OpKind} from "./ModelTypes.sol";

/// @notice A tensor of 10,001 values, which is three groups, the last tile of one value; and constants of many tiles.
contract TraceTreeTest {
    uint256 private constant VALUES = 10_001;
    uint256 private constant NUMBER = 5;

    TraceHarness private _harness;
    bytes private _values;
    bytes32[] private _groups;
    bytes32[] private _beside; // of the tensor in the trace
    bytes32 private _trace;

    function setUp() public {
        _harness = new TraceHarness();
        bytes memory values = new bytes(VALUES * 4);
        for (uint256 i = 0; i < VALUES; ++i) {
            (values[4 * i + 2], values[4 * i + 3]) = (bytes1(uint8(i >> 8)), bytes1(uint8(i)));
        }
        _values = values;
        for (uint256 i = 0; i < 3; ++i) {
            _groups.push(Lists.rootOf(0x0d, 4, _tileLeaves(values, i)));
        }
        bytes32[] memory tensors = new bytes32[](9);
        for (uint256 i = 0; i < 9; ++i) {
            tensors[i] = keccak256(abi.encode(i));
        }
        tensors[NUMBER] = Lists.rootOf(0x0c, 9, _hashed(0x0c, _groups));
        _beside = Lists.pathOf(0x0b, 11, _hashed(0x0b, tensors), NUMBER);
        _trace = Lists.rootOf(0x0b, 11, _hashed(0x0b, tensors));
        assert(_harness.traceRoot(tensors) == _trace && _harness.tensorRoot(_groups) == tensors[NUMBER]);
    }

    function _hashed(uint8 kind, bytes32[] memory roots) private pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](roots.length);
        for (uint256 i = 0; i < roots.length; ++i) {
            hashes[i] = Lists.leaf(kind, abi.encodePacked(roots[i]));
        }
    }

    function _tileLeaves(bytes memory values, uint256 group) private pure returns (bytes32[] memory hashes) {
        uint256 left = values.length - 16_384 * group;
        hashes = new bytes32[](left < 16_384 ? (left + 1_023) / 1_024 : 16);
        for (uint256 i = 0; i < hashes.length; ++i) {
            uint256 from = 16_384 * group + 1_024 * i;
            hashes[i] = Lists.leaf(0x0d, Lists.cut(values, from, from + 1_024));
        }
    }

    function _run(uint256 first, uint256 count) private view returns (TensorRun memory run) {
        bytes memory values = _values;
        uint256 tile = first / 256;
        run.tiles = new TileAt[]((first + count - 1) / 256 - tile + 1);
        for (uint256 i = 0; i < run.tiles.length; ++i) {
            uint256 number = tile + i;
            bytes32[] memory below = Lists.pathOf(0x0d, 4, _tileLeaves(values, number / 16), number % 16);
            bytes32[] memory above = Lists.pathOf(0x0c, 9, _hashed(0x0c, _groups), number / 16);
            run.tiles[i] = TileAt(Lists.cut(values, 1_024 * number, 1_024 * (number + 1)), Lists.joined(below, above));
        }
        run.proof = _beside;
    }

    function test_RunsAreReadAcrossTilesAndGroups() public view {
        uint256[2][6] memory runs =
            [[uint256(0), 1], [uint256(255), 2], [uint256(4_000), 256], [uint256(10_000), 1], [uint256(9_983), 18], [uint256(700), 900]];
        for (uint256 i = 0; i < runs.length; ++i) {
            (uint256 first, uint256 count) = (runs[i][0], runs[i][1]);
            bytes memory found = _harness.read(_trace, NUMBER, VALUES, first, count, _run(first, count));
            assert(keccak256(found) == keccak256(Lists.cut(_values, 4 * first, 4 * (first + count))));
        }
    }

    function _fails(string memory part, uint256 number, uint256 values, uint256 first, uint256 count, TensorRun memory run)
        private
    {
        bytes32 trace = _trace;
        VM.expectRevert(abi.encodeWithSelector(IInferenceCourt.InferenceCourtNotProven.selector, part));
        _harness.read(trace, number, values, first, count, run);
    }

    function test_NoListHasMoreThanItsTree() public {
        assert(_harness.tensorRoot(new bytes32[](512)) != 0);
        VM.expectRevert(abi.encodeWithSelector(IInferenceCourt.InferenceCourtNotProven.selector, "count"));
        _harness.tensorRoot(new bytes32[](513));
    }

    function test_NothingIsReadFromElsewhere() public {
        TensorRun memory run = _run(10_000, 1);
        _fails("run", NUMBER, VALUES, 10_000, 2, run);
        _fails("run", NUMBER, VALUES, 10_001, 1, run);
        _fails("run", NUMBER, VALUES, 10_000, 0, run);
        _fails("tile length", NUMBER, VALUES + 1, 10_000, 1, run);
        _fails("tensor", NUMBER - 1, VALUES, 10_000, 1, run);
        _fails("tensor", NUMBER, VALUES, 0, 1, _run(256, 1));
        run = _run(255, 2);
        _fails("tile", NUMBER, VALUES, 511, 2, run);
        (run.tiles[0], run.tiles[1]) = (run.tiles[1], run.tiles[0]);
        _fails("tensor", NUMBER, VALUES, 255, 2, run);
        run = _run(255, 1);
        _fails("run", NUMBER, VALUES, 255, 2, run);
        run.tiles[0].proof = _beside;
        _fails("tile proof", NUMBER, VALUES, 255, 1, run);
    }

    function test_GroupsAreHashedWithWhatTheyHave() public view {
        bytes memory values = _values;
        for (uint256 i = 0; i < 3; ++i) {
            assert(_harness.groupRoot(Lists.cut(values, 16_384 * i, 16_384 * (i + 1))) == _groups[i]);
        }
        assert(_harness.groupRoot("") == Lists.rootOf(0x0d, 4, new bytes32[](0)));
    }

    /// Parts of an element lie side by side, then columns, then positions; values of layers lie along positions.
    function test_EveryElementHasItsIndex() public view {
        ModelOp memory op;
        (op.kind, op.heads, op.size, op.outer, op.residual) = (OpKind.Linear, 1, 700, 11, 0xffff);
        assert(_harness.valuesOf(op, 9) == 9 * 11 * 3);
        assert(_harness.indexOf(op, ElementPlace(0, 4, 2, 7), 9, false) == (4 * 11 + 7) * 3 + 2);
        op.size = 200;
        assert(_harness.valuesOf(op, 9) == 9 * 11);
        assert(_harness.indexOf(op, ElementPlace(0, 4, 0, 7), 9, false) == 4 * 11 + 7);
        assert(_harness.indexOf(op, ElementPlace(0, 4, 0, 7), 9, true) == 7 * 9 + 4);
    }

    function _read(uint256 width, uint256 row, uint256 column, uint256 count) private pure returns (ElementRead memory) {
        return ElementRead(true, 0, width, Axis.Columns, count, ElementPlace(0, row, 0, column));
    }

    function test_AConstantEndsWhereItEnds() public {
        // Two rows of three tiles each, from tile 40 on.
        ModelConstant memory constant_ = ModelConstant(2, 2, 600, 40);
        (uint256 first, uint256 count) = _harness.tilesOf(constant_, _read(2, 1, 255, 2));
        assert(first == 43 && count == 2);
        (first, count) = _harness.tilesOf(constant_, _read(2, 1, 512, 88));
        assert(first == 45 && count == 1);
        ElementRead[4] memory past =
            [_read(2, 1, 512, 89), _read(2, 2, 0, 1), _read(1, 0, 0, 1), _read(2, 0, 0, 0)];
        for (uint256 i = 0; i < past.length; ++i) {
            VM.expectRevert(abi.encodeWithSelector(IInferenceCourt.InferenceCourtNotProven.selector, "constant"));
            _harness.tilesOf(constant_, past[i]);
        }
    }

    function test_AConstantIsReadAcrossTiles() public {
        bytes memory values = Lists.cut(_values, 0, 2 * 600);
        bytes32[] memory leaves = new bytes32[](3);
        for (uint256 i = 0; i < 3; ++i) {
            leaves[i] = Lists.leaf(0x0a, Lists.cut(values, 512 * i, 512 * (i + 1)));
        }
        bytes32 root = Lists.rootOf(0x0a, 24, leaves);
        TileAt[] memory tiles = new TileAt[](2);
        for (uint256 i = 0; i < 2; ++i) {
            tiles[i] = TileAt(
                Lists.cut(values, 512 * (i + 1), 512 * (i + 2)), Lists.pathOf(0x0a, 24, leaves, i + 1)
            );
        }
        ModelConstant memory constant_ = ModelConstant(2, 1, 600, 0);
        bytes memory found = _harness.readConstant(root, constant_, _read(2, 0, 500, 100), tiles);
        assert(keccak256(found) == keccak256(Lists.cut(values, 1_000, 1_200)));
        ElementRead memory elsewhere = _read(2, 0, 200, 100);
        VM.expectRevert(abi.encodeWithSelector(IInferenceCourt.InferenceCourtNotProven.selector, "tile"));
        _harness.readConstant(root, constant_, elsewhere, tiles);
        elsewhere = _read(2, 0, 512, 88);
        VM.expectRevert(abi.encodeWithSelector(IInferenceCourt.InferenceCourtNotProven.selector, "tiles"));
        _harness.readConstant(root, constant_, elsewhere, tiles);
    }
}
