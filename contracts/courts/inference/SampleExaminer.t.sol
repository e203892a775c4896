// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ModelRegistry} from "../../ModelRegistry.sol";
import {ICheckpointLedger} from "../../interfaces/ICheckpointLedger.sol";
import {AnswerAt, Case, IInferenceCourt, MemoryRead, NoPassProof, OpAt, SampleProof} from "../../interfaces/IInferenceCourt.sol";
import {WeftHash} from "../../libraries/WeftHash.sol";
import {WeftTree} from "../../libraries/WeftTree.sol";
import {Bodies} from "../../test/Bodies.sol";
import {Grove, Leaf} from "../../test/Grove.sol";
import {Lists} from "../../test/Lists.sol";
import {Matrix, MatrixRow} from "../../test/Matrix.sol";
import {TinyModel, Trace} from "../../test/TinyModel.sol";
import {VM} from "../../test/Vm.sol";
import {SampleExaminer} from "./SampleExaminer.sol";

/// What a memory has seen decides; the logits alone say another token.
contract SampleExaminerTest {
    uint32 private constant COLUMNS = 200; // four tiles
    bytes32 private constant SALT = keccak256("salt");
    uint256 private constant LIKELY = 1; // by the logits
    uint256 private constant SEEN = 3; // by the memory
    address private constant LEDGER = address(0x1ED6E4);

    SampleExaminer private _examiner;
    Case private _accused;
    bytes private _definition;

    function setUp() public {
        ModelRegistry models = new ModelRegistry();
        models.registerExact(TinyModel.root(), TinyModel.head(), TinyModel.leafProof(0), "tiny");
        _examiner = new SampleExaminer(ICheckpointLedger(LEDGER), models);
        _define(hex"0102");
        (_accused.position, _accused.token, _accused.gate) = (6, uint32(LIKELY), 3);
        (_accused.model, _accused.constants, _accused.tensors) = (TinyModel.root(), 2, 2);
        _accused.contextRoot = Grove.contextRoot(_ids(7));
        _accused.requestId = keccak256("request");
    }

    function _define(bytes memory orders) private {
        _definition = Bodies.definition(COLUMNS, orders, SALT, new address[](0));
        _accused.memoryId = keccak256(abi.encodePacked("Weft memory", _definition));
    }

    function _ids(uint256 count) private pure returns (uint32[] memory ids) {
        ids = new uint32[](count);
        for (uint256 i = 0; i < count; ++i) {
            ids[i] = uint32(i * 7 % 4);
        }
    }

    function _rowOf(uint256 order, uint256 length) private view returns (uint256) {
        uint32[] memory ids = _ids(_accused.position);
        uint256 hash = uint32(uint256(SALT) >> (224 - 32 * order));
        for (uint256 i = ids.length - length; i < ids.length; ++i) {
            hash = ((hash ^ ids[i]) * 0x9e3779b1) % 2 ** 32;
            hash ^= hash >> 15;
        }
        hash = (hash * 0x85ebca77) % 2 ** 32;
        return order * 65_536 + ((hash ^ (hash >> 13)) >> 16);
    }

    /// @dev Of the second order's row one cell, of the first's none; and a row of another context.
    function _rows() private view returns (MatrixRow[] memory rows) {
        uint256 index;
        (rows, index) = Matrix.indexOf(rows, _rowOf(1, 2), COLUMNS);
        Matrix.put(rows[index], SEEN, 1 << 31);
        (rows, index) = Matrix.indexOf(rows, 77, COLUMNS);
        Matrix.put(rows[index], 130, 5);
    }

    function _whole(uint32[] memory cells) private pure returns (bytes memory row) {
        for (uint256 i = 0; i < 4; ++i) {
            row = bytes.concat(row, Matrix.tile(cells, i));
        }
    }

    function _memories(bytes32 id, bytes32 rowsRoot) private view returns (Leaf[] memory leaves) {
        leaves = new Leaf[](2);
        leaves[0] = Leaf(_slot() ^ 5, keccak256("beside"));
        leaves[1] = Leaf(_slot(), keccak256(abi.encodePacked(uint8(0x06), id, rowsRoot)));
    }

    function _slot() private view returns (uint256) {
        return uint256(_accused.memoryId) >> 216;
    }

    /// @dev The memory's place is opened, and it is this one's.
    function _placed(Leaf[] memory memories, bytes32 id, bytes32 rowsRoot) private returns (MemoryRead memory read) {
        (read.slotMemory, read.rowsRoot) = (id, rowsRoot);
        read.checkpoint.memoryRoot = Grove.root(WeftTree.MEMORY, memories);
        bytes32 domain = WeftHash.domainSeparator(block.chainid, LEDGER);
        _accused.memoryCheckpointHash = WeftHash.checkpointHash(domain, read.checkpoint);
        read.slotOpening = Grove.opening(WeftTree.MEMORY, memories, _slot());
    }

    function _read() private returns (MemoryRead memory read) {
        MatrixRow[] memory rows = _rows();
        bytes32 rowsRoot = Matrix.rootOf(rows);
        read = _placed(_memories(_accused.memoryId, rowsRoot), _accused.memoryId, rowsRoot);
        read.definition = _definition;
        uint32[] memory ids = _ids(7);
        (read.tokens, read.tokenSiblings) = (new uint32[](2), Grove.beside(ids, 4, 5));
        (read.tokens[0], read.tokens[1]) = (ids[4], ids[5]);
        (read.rows, read.rowOpenings) = (new bytes[](2), new bytes[](2));
        read.rowOpenings[0] = Grove.opening(WeftTree.MEMORY_ROWS, Matrix.leaves(rows), _rowOf(0, 1));
        read.rows[1] = _whole(rows[0].cells);
        read.rowOpenings[1] = Grove.opening(WeftTree.MEMORY_ROWS, Matrix.leaves(rows), rows[0].place);
    }

    function _shown(MemoryRead memory read) private view returns (AnswerAt memory which, SampleProof memory proof) {
        uint32[] memory ids = _ids(_accused.position);
        Trace memory trace = TinyModel.forward(ids);
        trace.tensors[1][4 * (4 * (ids.length - 1) + LIKELY)] = 0x01;
        which.traceRoot = TinyModel.traceRoot(TinyModel.tensorRoots(trace));
        (proof.head, proof.logits, proof.memory_) = (TinyModel.head(), TinyModel.opAt(1), read);
        proof.run = TinyModel.run(trace, 1, 4 * (ids.length - 1), 4);
    }

    function _judge(MemoryRead memory read) private view returns (uint256) {
        (AnswerAt memory which, SampleProof memory proof) = _shown(read);
        return _examiner.proveSample(_accused, which, proof, new uint256[](0));
    }

    function _fails(MemoryRead memory read, bytes memory error_) private {
        (AnswerAt memory which, SampleProof memory proof) = _shown(read);
        VM.expectRevert(error_);
        _examiner.proveSample(_accused, which, proof, new uint256[](0));
    }

    function _notProven(string memory part) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IInferenceCourt.InferenceCourtNotProven.selector, part);
    }

    function _sound() private pure returns (bytes memory) {
        return abi.encodeWithSelector(IInferenceCourt.InferenceCourtSound.selector);
    }

    function test_WhatTheMemoryHasSeenDecides() public {
        MemoryRead memory read = _read();
        assert(_judge(read) == SEEN);
        _accused.token = uint32(SEEN);
        _fails(read, _sound());
    }

    function test_AnEmptyRowMayBeShownAsNothingOrAsItsTiles() public {
        MemoryRead memory read = _read();
        read.rows[0] = new bytes(4 * 8);
        assert(_judge(read) == SEEN);
        read.rows[0] = new bytes(3 * 8);
        _fails(read, _notProven("row"));
        read.rows[0] = new bytes(5 * 8);
        _fails(read, _notProven("row"));
        read.rows[0] = "";
        read.rows[1] = "";
        _fails(read, _notProven("row"));
    }

    /// A slot that is empty, or has another memory: as without a gate.
    function test_AMemoryThatIsNotThereSaysNothing() public {
        bytes32 nothing = WeftTree.emptyRoot(WeftTree.MEMORY_ROWS);
        Leaf[] memory memories = new Leaf[](1);
        memories[0] = Leaf(_slot() ^ 5, keccak256("beside"));
        MemoryRead memory read = _placed(memories, _accused.memoryId, nothing);
        _fails(read, _sound());
        read.rows = new bytes[](1);
        _fails(read, abi.encodeWithSignature("SampleOutOfRange(string)", "rows"));
        bytes32 other = keccak256("another memory");
        read = _placed(_memories(other, keccak256("rows")), other, keccak256("rows"));
        _fails(read, _sound());
        // One that is there is not left out.
        read = _read();
        read.rowsRoot = nothing;
        _fails(read, _notProven("memory"));
        read.slotMemory = other;
        _fails(read, _notProven("memory"));
    }

    function test_TheRowsAreThoseOfTheContext() public {
        MemoryRead memory read = _read();
        read.tokens[1] ^= 1;
        _fails(read, _notProven("tokens"));
        read = _read();
        read.tokens = new uint32[](1);
        _fails(read, _notProven("tokens"));
        read = _read();
        read.rows[1] = _whole(_rows()[1].cells);
        _fails(read, _notProven("row"));
        read = _read();
        (read.rows, read.rowOpenings) = (new bytes[](1), new bytes[](1));
        _fails(read, _notProven("rows"));
        read = _read();
        bytes memory seen = read.rows[1];
        read.rows = new bytes[](3);
        (read.rows[1], read.rows[2]) = (seen, seen);
        _fails(read, _notProven("rows"));
        read = _read();
        (bytes memory ofFirst, bytes memory ofSecond) = (read.rowOpenings[0], read.rowOpenings[1]);
        read.rowOpenings = new bytes[](3);
        (read.rowOpenings[0], read.rowOpenings[1]) = (ofFirst, ofSecond);
        _fails(read, _notProven("rows"));
        read = _read();
        uint32[] memory ids = _ids(7);
        (read.tokens, read.tokenSiblings) = (new uint32[](3), Grove.beside(ids, 4, 6));
        (read.tokens[0], read.tokens[1], read.tokens[2]) = (ids[4], ids[5], ids[6]);
        _fails(read, _notProven("tokens"));
        read = _read();
        read.checkpoint.number += 1;
        _fails(read, _notProven("memory checkpoint"));
        read = _read();
        read.definition = bytes.concat(read.definition, hex"00");
        _fails(read, _notProven("definition"));
    }

    /// A model may be registered whose logits are another operation's values; nobody is convicted by them.
    function test_LogitsAreAsManyAsTheModelHasTokens() public {
        bytes[] memory leaves = TinyModel.leaves();
        leaves[0][leaves[0].length - 35] = 0x00; // of the first operation
        bytes32[] memory hashes = new bytes32[](leaves.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            hashes[i] = Lists.leaf(0x09, leaves[i]);
        }
        (_accused.model, _accused.gate) = (Lists.rootOf(0x09, 12, hashes), 0);
        ModelRegistry models = new ModelRegistry();
        models.registerExact(_accused.model, leaves[0], Lists.pathOf(0x09, 12, hashes, 0), "unfit");
        _examiner = new SampleExaminer(ICheckpointLedger(LEDGER), models);
        Trace memory trace = TinyModel.forward(_ids(_accused.position));
        AnswerAt memory which;
        which.traceRoot = TinyModel.traceRoot(TinyModel.tensorRoots(trace));
        SampleProof memory proof;
        (proof.head, proof.logits) = (leaves[0], OpAt(0, leaves[3], Lists.pathOf(0x09, 12, hashes, 3)));
        proof.run = TinyModel.run(trace, 0, _accused.position * TinyModel.WIDTH - TinyModel.VOCAB, TinyModel.VOCAB);
        VM.expectRevert(_notProven("vocabulary"));
        _examiner.proveSample(_accused, which, proof, new uint256[](0));
    }

    function test_OrdersThatTheContextIsTooShortForAreNotRead() public {
        _define(hex"0207");
        MemoryRead memory read = _read();
        (read.rows, read.rowOpenings) = (new bytes[](1), new bytes[](1));
        MatrixRow[] memory rows;
        uint256 index;
        (rows, index) = Matrix.indexOf(rows, _rowOf(0, 2), COLUMNS);
        Matrix.put(rows[index], SEEN, 1 << 31);
        bytes32 rowsRoot = Matrix.rootOf(rows);
        MemoryRead memory placed = _placed(_memories(_accused.memoryId, rowsRoot), _accused.memoryId, rowsRoot);
        (read.checkpoint, read.rowsRoot, read.slotOpening) = (placed.checkpoint, rowsRoot, placed.slotOpening);
        read.rows[0] = _whole(rows[0].cells);
        read.rowOpenings[0] = Grove.opening(WeftTree.MEMORY_ROWS, Matrix.leaves(rows), rows[0].place);
        assert(_judge(read) == SEEN);
    }

    function test_AContextThatIsTooLongHasNoForwardPass() public {
        NoPassProof memory proof;
        proof.head = TinyModel.head();
        _accused.position = uint32(TinyModel.MOST_POSITIONS) + 1;
        _examiner.proveNoPass(_accused, proof, new uint256[](0));
        _accused.position = uint32(TinyModel.MOST_POSITIONS);
        VM.expectRevert(_notProven("token"));
        _examiner.proveNoPass(_accused, proof, new uint256[](0));
    }
}
