// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// solhint-disable one-contract-per-file

import {Bodies} from "../test/Bodies.sol";
import {Grove} from "../test/Grove.sol";
import {OpenedTurn, OpenSnapshot} from "./OpenSnapshot.sol";
import {WeftHash} from "./WeftHash.sol";
import {Request} from "./WeftTypes.sol";

contract OpenHarness {
    function read(bytes calldata body) external pure returns (bool wellFormed, OpenedTurn memory opened) {
        return OpenSnapshot.read(body);
    }

    function isValid(bytes calldata body) external pure returns (bool) {
        (bool wellFormed, OpenedTurn memory opened) = OpenSnapshot.read(body);
        return wellFormed && OpenSnapshot.isValid(opened);
    }
}

contract OpenSnapshotTest {
    bytes private constant NOTHING = hex"00";

    OpenHarness private _harness;

    function setUp() public {
        _harness = new OpenHarness();
    }

    function _ids(uint256 count) private pure returns (uint32[] memory ids) {
        ids = new uint32[](count);
        for (uint256 i = 0; i < count; ++i) {
            ids[i] = uint32(i + 11);
        }
    }

    /// @dev Four tokens of history and two given ones; a memory is read.
    function _request() private pure returns (Request memory request) {
        request.requester = keccak256("requester");
        request.nonce = keccak256("nonce");
        request.model = keccak256("model");
        (request.contextBefore, request.lengthBefore) = (Grove.contextRoot(_ids(4)), 4);
        (request.contextAfter, request.lengthAfter) = (Grove.contextRoot(_ids(6)), 6);
        request.parameters = keccak256(Bodies.PARAMETERS);
        request.maxLength = 8;
        request.gate = 3;
        request.memoryId = keccak256("memory");
        request.memoryCheckpoint = 12;
        request.memoryCheckpointHash = keccak256("checkpoint");
    }

    function _lineage(uint32 position) private pure returns (bytes memory) {
        return abi.encodePacked(uint8(1), uint64(5), keccak256("parent"), keccak256("its turn"), position);
    }

    function _start(uint256 length) private pure returns (bytes memory) {
        return Bodies.startOf(uint32(length), Grove.peaks(_ids(length)));
    }

    function _body(Request memory request) private pure returns (bytes memory) {
        return Bodies.open(WeftHash.requestId(request), request, _lineage(3), _start(3), NOTHING);
    }

    function _withParameters(bytes memory parameters) private pure returns (bytes memory) {
        Request memory request = _request();
        request.parameters = keccak256(parameters);
        bytes memory fields = Bodies.fields(WeftHash.requestId(request), request, parameters);
        return bytes.concat(fields, NOTHING, _start(0), NOTHING);
    }

    function _isWellFormed(bytes memory body) private view returns (bool wellFormed) {
        (wellFormed,) = _harness.read(body);
    }

    function _isRefused(Request memory request) private view returns (bool) {
        return !_isWellFormed(_body(request));
    }

    function _isInvalid(bytes memory body) private view returns (bool) {
        assert(_isWellFormed(body));
        return !_harness.isValid(body);
    }

    function test_ReadsEveryField() public view {
        Request memory request = _request();
        (bool wellFormed, OpenedTurn memory opened) = _harness.read(_body(request));
        assert(wellFormed && keccak256(abi.encode(opened.request)) == keccak256(abi.encode(request)));
        assert(opened.requestId == WeftHash.requestId(request));
        assert(opened.parentPosition == 3 && opened.start == 3 && opened.peaks.length == 2);
        assert(keccak256(abi.encode(opened.peaks)) == keccak256(abi.encode(Grove.peaks(_ids(3)))));
        assert(_harness.isValid(_body(request)));
    }

    function test_WithoutParentAndMemoryItBeginsAtNothing() public view {
        Request memory request = _request();
        request.gate = 0;
        (request.memoryId, request.memoryCheckpoint, request.memoryCheckpointHash) = (0, 0, 0);
        bytes memory continued = abi.encodePacked(uint8(1), keccak256("abandoned"));
        bytes memory body = Bodies.open(WeftHash.requestId(request), request, NOTHING, _start(0), continued);
        assert(_harness.isValid(body));
    }

    function test_EveryOtherLengthIsRefused() public view {
        bytes memory body = _body(_request());
        assert(!_isWellFormed(bytes.concat(body, hex"00")));
        bytes memory cut = new bytes(body.length);
        for (uint256 length = 1; length < body.length; length += 5) {
            // solhint-disable-next-line no-inline-assembly
            assembly ("memory-safe") {
                mstore(cut, length)
                mcopy(add(cut, 32), add(body, 32), length)
            }
            assert(!_isWellFormed(cut));
        }
    }

    function test_FieldsHaveBounds() public view {
        Request memory request = _request();
        request.contextBefore = 0;
        assert(_isRefused(request));
        request = _request();
        request.contextAfter = 0;
        assert(_isRefused(request));
        request = _request();
        request.lengthBefore = 7; // the given tokens end before they begin
        assert(_isRefused(request));
        request = _request();
        request.gate = 4;
        assert(_isRefused(request));
        request = _request();
        request.memoryId = 0;
        assert(_isRefused(request));
        request = _request();
        request.memoryCheckpoint = 1 << 53;
        assert(_isRefused(request));
        request = _request();
        request.memoryCheckpointHash = 0;
        assert(_isRefused(request));
    }

    function test_ParametersHaveOneEncoding() public view {
        assert(_isWellFormed(_withParameters(hex"03e800"))); // 1000, no stop sequences
        assert(!_isWellFormed(_withParameters(hex"03e900")));
        assert(_isWellFormed(_withParameters(hex"0050040161016201630164")));
        assert(!_isWellFormed(_withParameters(hex"00500501610162016301640165")));
        assert(!_isWellFormed(_withParameters(hex"00500100")));
        assert(!_isWellFormed(_withParameters(hex"0050026161")));
        assert(!_isWellFormed(_withParameters(hex"00500000")));
        bytes memory body = _withParameters(hex"005000");
        body[204] = 0x04; // their length
        assert(!_isWellFormed(body));
        assert(_isWellFormed(_withParameters(abi.encodePacked(hex"00500140", new bytes(64)))));
        assert(!_isWellFormed(_withParameters(abi.encodePacked(hex"00500141", new bytes(65)))));
    }

    function test_FlagsPeaksAndNamesAreAsTheyHaveToBe() public view {
        Request memory request = _request();
        bytes memory fields = Bodies.fields(WeftHash.requestId(request), request, Bodies.PARAMETERS);
        bytes memory three = _start(3);
        assert(_isWellFormed(bytes.concat(fields, _lineage(3), three, NOTHING)));
        assert(!_isWellFormed(bytes.concat(fields, hex"02", three, NOTHING)));
        assert(!_isWellFormed(bytes.concat(fields, _lineage(3), three, hex"02")));
        assert(!_isWellFormed(bytes.concat(fields, _lineage(3), three, abi.encodePacked(uint8(1), bytes32(0)))));
        bytes memory noParent = abi.encodePacked(uint8(1), uint64(5), bytes32(0), keccak256("its turn"), uint32(3));
        assert(!_isWellFormed(bytes.concat(fields, noParent, three, NOTHING)));
        noParent = abi.encodePacked(uint8(1), uint64(5), keccak256("parent"), bytes32(0), uint32(3));
        assert(!_isWellFormed(bytes.concat(fields, noParent, three, NOTHING)));
        noParent = abi.encodePacked(uint8(1), uint64(1 << 53), keccak256("parent"), keccak256("its turn"), uint32(3));
        assert(!_isWellFormed(bytes.concat(fields, noParent, three, NOTHING)));
        bytes memory onePeak = Bodies.startOf(3, Grove.peaks(_ids(4)));
        assert(!_isWellFormed(bytes.concat(fields, _lineage(3), onePeak, NOTHING)));
        bytes memory tooLong = Bodies.startOf(1 << 24, Grove.peaks(_ids(1)));
        assert(!_isWellFormed(bytes.concat(fields, _lineage(3), tooLong, NOTHING)));
        bytes memory tooMany = Bodies.startOf((1 << 25) - 1, new bytes32[](25));
        assert(!_isWellFormed(bytes.concat(fields, _lineage(3), tooMany, NOTHING)));
    }

    function test_WhatOpensATurnByNoRuleIsInvalid() public view {
        Request memory request = _request();
        bytes32 id = WeftHash.requestId(request);
        assert(_isInvalid(Bodies.open(keccak256("another"), request, _lineage(3), _start(3), NOTHING)));
        assert(_isInvalid(Bodies.open(id, request, NOTHING, _start(3), NOTHING)));
        assert(_isInvalid(Bodies.open(id, request, _lineage(2), _start(3), NOTHING)));
        assert(_isInvalid(Bodies.open(id, request, _lineage(5), _start(5), NOTHING)));
        assert(_isInvalid(Bodies.open(id, request, _lineage(4), Bodies.startOf(4, _other()), NOTHING)));
        assert(_harness.isValid(Bodies.open(id, request, _lineage(4), _start(4), NOTHING)));
        request.maxLength = 0;
        assert(_isInvalid(_body(request)));
        request.maxLength = (1 << 24) - 6;
        assert(_isInvalid(_body(request)));
        request.maxLength -= 1;
        assert(_harness.isValid(_body(request)));
    }

    /// Nothing is given, so the history ends where the answer begins.
    function test_TheStartIsTheContextThatTheRequestBinds() public view {
        Request memory request = _request();
        (request.lengthBefore, request.contextBefore) = (4, Grove.contextRoot(_ids(4)));
        (request.lengthAfter, request.contextAfter) = (4, keccak256("another"));
        bytes32 id = WeftHash.requestId(request);
        assert(_isInvalid(Bodies.open(id, request, _lineage(4), _start(4), NOTHING)));
        assert(_harness.isValid(Bodies.open(id, request, _lineage(3), _start(3), NOTHING)));
    }

    /// @dev The peak of four other tokens.
    function _other() private pure returns (bytes32[] memory peaks) {
        peaks = new bytes32[](1);
        peaks[0] = keccak256("four other tokens");
    }
}
