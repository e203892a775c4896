// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ModelHarness} from "../../test/ModelHarness.sol";
import {VM} from "../../test/Vm.sol";
import {ModelReader} from "./ModelReader.sol";
import {ModelConstant, ModelHead, ModelOp, OpKind} from "./ModelTypes.sol";

contract ModelReaderTest {
    bytes32 private constant ROOT = keccak256("tiles");

    ModelHarness private _harness;

    function setUp() public {
        _harness = new ModelHarness();
    }

    function _refuses(string memory leaf) private {
        VM.expectRevert(abi.encodeWithSelector(ModelReader.ModelReaderInvalid.selector, leaf));
    }

    function _linear(uint32 inner, int8 shift, uint32 clip, uint16 residual) private pure returns (bytes memory) {
        return abi.encodePacked(uint16(9), uint8(4), uint16(5), uint16(2), inner, uint32(9), shift, clip, residual, hex"02612d");
    }

    function _head(uint16 layers, bytes memory operands) private pure returns (bytes memory) {
        bytes memory sizes = abi.encodePacked(uint32(256), uint32(1_024), uint16(1), uint32(255), uint8(6));
        return abi.encodePacked(hex"01016d0474657374", sizes, uint16(20), uint16(80), layers, operands, uint16(79), uint16(216), ROOT);
    }

    function test_HeadSaysWhatCourtsNeed() public view {
        ModelHead memory head = _harness.readHead(_head(1, abi.encodePacked(uint16(7), uint16(79))));
        assert(head.vocab == 256 && head.maxPositions == 1_024 && head.samplerK == 6);
        assert(head.constants == 20 && head.ops == 80 && head.logits == 79 && head.tilesRoot == ROOT);
        assert(head.tensors == 216 && head.values.length == 1 && head.values[0] == 79);
    }

    function test_HeadHasTheOperationsThatItNames() public {
        _refuses("head");
        _harness.readHead(_head(1, abi.encodePacked(uint16(7), uint16(80))));
        _refuses("head");
        _harness.readHead(_head(2, abi.encodePacked(uint16(7), uint16(79))));
    }

    function test_ConstantHasWholeTilesInTheTree() public {
        // 9 rows of 257 columns are 18 tiles.
        uint32 last = (1 << 24) - 18;
        bytes memory sizes = abi.encodePacked(uint8(2), uint32(9), uint32(257));
        ModelConstant memory read = _harness.readConstant(abi.encodePacked(sizes, last, hex"0178"));
        assert(read.width == 2 && read.rows == 9 && read.columns == 257 && read.firstTile == last);
        _refuses("constant");
        _harness.readConstant(abi.encodePacked(sizes, last + 1, hex"0178"));
    }

    function testFuzz_OperationSaysItsFields(uint32 inner, int8 shift, uint32 clip, uint16 residual) public {
        bytes memory leaf = _linear(inner, shift, clip, residual);
        bool isWithin = inner > 0 && inner <= 1 << 24 && shift >= -23 && shift <= 23 && clip <= 1 << 24;
        bool isWhole = inner <= 256 || (shift == 0 && clip == 0 && residual == 0xffff);
        if (!isWithin || !isWhole || (residual >= 6 && residual != 0xffff)) {
            _refuses("op");
            _harness.readOp(leaf, 6, 3);
            return;
        }
        ModelOp memory op = _harness.readOp(leaf, 6, 3);
        assert(op.kind == OpKind.Linear && op.firstTensor == 9 && op.tensors[0] == 5 && op.constants[0] == 2 && op.heads == 1);
        assert(op.size == inner && op.outer == 9 && op.shift == shift && op.clip == clip && op.residual == residual);
    }

    function test_BoundsOfAnOperationAreTaken() public {
        testFuzz_OperationSaysItsFields(256, -23, 1 << 24, 5);
        testFuzz_OperationSaysItsFields(1, 23, 0, 0xffff);
        testFuzz_OperationSaysItsFields(257, 0, 0, 0xffff);
        testFuzz_OperationSaysItsFields(1 << 24, 0, 0, 0xffff);
        testFuzz_OperationSaysItsFields(256, 0, 0, 6);
        testFuzz_OperationSaysItsFields(256, -24, 0, 0);
    }

    function test_OperationsReadWhatIsBeforeThem() public {
        bytes memory leaf = _linear(8, 0, 0, 0);
        _refuses("op");
        _harness.readOp(leaf, 5, 3);
        _refuses("op");
        _harness.readOp(leaf, 6, 2);
    }
}
