// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ModelHarness} from "../../test/ModelHarness.sol";
import {VM} from "../../test/Vm.sol";
import {ElementReads} from "./ElementReads.sol";
import {Elements} from "./Elements.sol";
import {Axis, ElementPlace, ElementRead, ModelOp, OpKind} from "./ModelTypes.sol";

/// @notice Elements worked out by hand; that all of them equal core's is shown by calls from outside.
contract ElementsTest {
    ModelHarness private _harness;

    function setUp() public {
        _harness = new ModelHarness();
    }

    function _op(OpKind kind) private pure returns (ModelOp memory op) {
        op.kind = kind;
        op.heads = 1;
        op.keyHeads = 1;
        op.size = 1;
        op.parts = 1;
        op.entries = 1;
        op.residual = 0xffff;
    }

    function _single(bytes memory a) private pure returns (bytes[] memory operands) {
        operands = new bytes[](1);
        operands[0] = a;
    }

    function _pair(bytes memory a, bytes memory b) private pure returns (bytes[] memory operands) {
        operands = new bytes[](2);
        (operands[0], operands[1]) = (a, b);
    }

    function _element(ModelOp memory op, ElementPlace memory place, uint256 positions, bytes[] memory operands)
        private
        view
        returns (int256 value)
    {
        (value,,) = _harness.elementOf(op, place, positions, 0, operands);
    }

    function _first(ModelOp memory op, bytes[] memory operands) private view returns (int256) {
        return _element(op, ElementPlace(0, 0, 0, 0), 1, operands);
    }

    function testFuzz_ShiftsAreDivisionsWithHalvesUp(int64 x, uint8 shift) public pure {
        shift = 1 + shift % 140;
        int256 halves = int256(x) * 2 + int256(1) * (int256(1) << shift);
        int256 divisor = int256(2) << shift;
        int256 floor = halves / divisor;
        if (halves % divisor < 0) --floor;
        assert(Elements.roundShift(x, int256(uint256(shift))) == floor);
    }

    function testFuzz_ShiftsToTheLeftMultiply(int64 x, uint8 shift) public pure {
        shift = shift % 65;
        assert(Elements.roundShift(x, -int256(uint256(shift))) == int256(x) * int256(1 << shift));
    }

    function test_HalvesGoUp() public pure {
        assert(Elements.roundShift(3, 1) == 2);
        assert(Elements.roundShift(-3, 1) == -1);
        assert(Elements.roundShift(-1, 1) == 0);
        assert(Elements.roundShift(type(int48).min, 32_767) == 0);
        // Further to the left than anything can hold, but of the same sign.
        assert(Elements.roundShift(-1, -32_768) < type(int32).min);
    }

    function test_ProductIsShiftedThenAddedToThenKept() public view {
        ModelOp memory op = _op(OpKind.Linear);
        (op.size, op.outer, op.shift, op.clip, op.residual) = (2, 1, 1, 100, 0);
        bytes[] memory operands = new bytes[](3);
        operands[0] = abi.encodePacked(int32(-7), int32(4));
        operands[1] = abi.encodePacked(int8(127), int8(-127));
        operands[2] = abi.encodePacked(int32(690));
        // −7·127 − 4·127 = −1397; halved −698; and 690 more
        assert(_first(op, operands) == -8);
        operands[2] = abi.encodePacked(int32(1_000));
        assert(_first(op, operands) == 100);
        op.clip = 0;
        assert(_first(op, operands) == 302);
    }

    function test_KeysBehindThePositionAreMasked() public view {
        ModelOp memory op = _op(OpKind.Score);
        op.mask = 1_000;
        bytes[] memory operands = _pair(abi.encodePacked(int32(3)), abi.encodePacked(int32(-5)));
        assert(_element(op, ElementPlace(0, 4, 0, 4), 9, operands) == -15);
        assert(_element(op, ElementPlace(0, 4, 0, 5), 9, operands) == -1_015);
    }

    function test_TheLastPartHasFewerTerms() public view {
        ModelOp memory op = _op(OpKind.ScoreMax);
        bytes[] memory operands = _single(abi.encodePacked(int32(-9), int32(-8), type(int32).min));
        (int256 value, ElementRead[] memory reads,) =
            _harness.elementOf(op, ElementPlace(0, 700, 3, 0), 771, 0, operands);
        assert(value == -8 && reads[0].count == 3 && reads[0].first.column == 768 && reads[0].first.position == 700);
    }

    function test_ValuesOfAColumnLieAlongPositions() public view {
        ModelOp memory op = _op(OpKind.WeightedSum);
        (op.heads, op.keyHeads, op.size) = (6, 2, 32);
        bytes[] memory operands = _pair(abi.encodePacked(int32(2), int32(3)), abi.encodePacked(int32(-5), int32(7)));
        // Column 3·32 + 5 is the fourth of six heads, which the second of two values' heads serves.
        (int256 value, ElementRead[] memory reads,) =
            _harness.elementOf(op, ElementPlace(0, 257, 1, 101), 258, 0, operands);
        assert(value == 11 && reads[0].first.head == 3 && reads[0].first.column == 256);
        assert(reads[1].axis == Axis.Positions && reads[1].first.position == 256 && reads[1].first.column == 37);
    }

    function test_GatesLetNothingNegativePass() public view {
        ModelOp memory op = _op(OpKind.Gate);
        (op.shift, op.clip) = (2, 50);
        assert(_first(op, _pair(abi.encodePacked(int32(-1)), abi.encodePacked(int32(-9)))) == 0);
        assert(_first(op, _pair(abi.encodePacked(int32(10)), abi.encodePacked(int32(-9)))) == -22);
        assert(_first(op, _pair(abi.encodePacked(int32(1_000)), abi.encodePacked(int32(-9)))) == -50);
    }

    function test_TheLastExponentialIsForAllThatIsFurther() public view {
        ModelOp memory op = _op(OpKind.ExpSum);
        (op.shift, op.entries) = (3, 3);
        bytes[] memory operands = new bytes[](3);
        operands[0] = abi.encodePacked(int32(100), int32(93), int32(92), int32(84), type(int32).min);
        operands[1] = abi.encodePacked(int32(100));
        operands[2] = abi.encodePacked(int16(1_000), int16(100), int16(10));
        assert(_element(op, ElementPlace(0, 0, 0, 0), 5, operands) == 2_120);
    }

    function test_NoElementIsPastTheTensor() public {
        ModelOp memory op = _op(OpKind.Gate);
        bytes[] memory operands = _pair(new bytes(4), new bytes(4));
        ElementPlace[4] memory places =
            [ElementPlace(1, 0, 0, 0), ElementPlace(0, 1, 0, 0), ElementPlace(0, 0, 1, 0), ElementPlace(0, 0, 0, 1)];
        for (uint256 i = 0; i < places.length; ++i) {
            VM.expectRevert(ElementReads.ElementReadsNoElement.selector);
            _harness.elementOf(op, places[i], 1, 0, operands);
        }
    }
}
