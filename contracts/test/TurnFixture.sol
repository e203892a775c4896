// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {WeftHash} from "../libraries/WeftHash.sol";
import {WeftTree} from "../libraries/WeftTree.sol";
import {Checkpoint, Request, SegmentHeader, SnapshotProof} from "../libraries/WeftTypes.sol";
import {Bodies, Place} from "./Bodies.sol";
import {Grove, Leaf} from "./Grove.sol";
import {WeftFixture} from "./WeftFixture.sol";

/// @notice A checkpoint with one segment, and what the segment says.
struct Scene {
    uint64 number;
    SegmentHeader header;
    bytes[] bodies;
}

/// @notice A turn on a history of four tokens and two given ones, opened at position 2; its track has one segment in
/// each checkpoint.
abstract contract TurnFixture is WeftFixture {
    uint8 internal constant GIVEN = 1;
    uint8 internal constant CARRIED = 2;
    uint8 internal constant WRITTEN = 3;
    uint256 internal constant AUTHOR = 1;
    bytes16 internal constant RUN = bytes16(uint128(7));
    bytes16 internal constant HIDDEN = bytes16(uint128(9));

    Request internal request;
    bytes32 internal turn;

    function setUp() public virtual override {
        super.setUp();
        _found();
        request.requester = keccak256("requester");
        request.nonce = keccak256("nonce");
        request.model = keccak256("model");
        (request.contextBefore, request.lengthBefore) = (_root(4), 4);
        (request.contextAfter, request.lengthAfter) = (_root(6), 6);
        request.parameters = keccak256(Bodies.PARAMETERS);
        request.maxLength = 4;
        turn = _turnAt(1, 0);
    }

    function _turnAt(uint64 sequence, uint32 index) internal pure returns (bytes32) {
        return WeftHash.turnId(WeftHash.trackId(_owner(AUTHOR), RUN), sequence, index);
    }

    /// @dev The context that all of it is about, up to a length.
    function _ids(uint256 length) internal pure returns (uint32[] memory) {
        return _run(0, length);
    }

    function _run(uint256 first, uint256 end) internal pure returns (uint32[] memory ids) {
        ids = new uint32[](end - first);
        for (uint256 i = first; i < end; ++i) {
            ids[i - first] = _idAt(i);
        }
    }

    /// @dev The token at a position.
    function _idAt(uint256 position) internal pure virtual returns (uint32) {
        return uint32(position + 11);
    }

    function _root(uint256 length) internal pure returns (bytes32) {
        return Grove.contextRoot(_ids(length));
    }

    function _peaks(uint256 length) internal pure returns (bytes32[] memory) {
        return Grove.peaks(_ids(length));
    }

    function _open() internal view returns (bytes memory) {
        bytes memory lineage = abi.encodePacked(uint8(1), uint64(0), keccak256("genesis"), keccak256("turn"), uint32(2));
        bytes memory start = Bodies.startOf(2, _peaks(2));
        return Bodies.open(WeftHash.requestId(request), request, lineage, start, hex"00");
    }

    /// @dev The context's tokens from `first` up to `end`.
    function _tokens(Place memory previous, uint256 first, uint256 end, uint8 choice)
        internal
        view
        returns (bytes memory)
    {
        return Bodies.tokens(turn, previous, uint32(first), choice, _root(end), _run(first, end));
    }

    /// @dev With contexts of one and two tokens.
    function _learn(Place memory previous, uint32 start, uint32 first, uint32 count, uint256 length)
        internal
        view
        returns (bytes memory)
    {
        bytes memory definition = Bodies.definition(300, hex"0102", keccak256("salt"), new address[](0));
        bytes memory range = abi.encodePacked(start, first, count);
        return Bodies.learn(turn, previous, definition, range, uint32(length), _root(length));
    }

    function _close(Place memory previous, uint256 length, uint8 reason) internal view returns (bytes memory) {
        return Bodies.close(turn, previous, WeftHash.requestId(request), uint32(length), _root(length), reason);
    }

    /// @dev The turn opens, carries the rest of its history and has its given tokens.
    function _beginning() internal view returns (bytes[] memory bodies) {
        bodies = new bytes[](3);
        bodies[0] = _open();
        bodies[1] = _tokens(Place(1, 0), 2, 4, CARRIED);
        bodies[2] = _tokens(Place(1, 1), 4, 6, GIVEN);
    }

    function _alone(bytes memory body) internal pure returns (bytes[] memory bodies) {
        bodies = new bytes[](1);
        bodies[0] = body;
    }

    function _two(bytes memory a, bytes memory b) internal pure returns (bytes[] memory bodies) {
        bodies = new bytes[](2);
        (bodies[0], bodies[1]) = (a, b);
    }

    function _leaves(bytes[] memory bodies) internal pure returns (Leaf[] memory) {
        bytes32[] memory hashes = new bytes32[](bodies.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = WeftTree.leaf(WeftTree.SNAPSHOTS, abi.encodePacked(HIDDEN, bodies[i]));
        }
        return Grove.row(hashes);
    }

    function _say(uint64 sequence, bytes[] memory bodies) internal returns (Scene memory) {
        return _sayAs(AUTHOR, RUN, sequence, bodies);
    }

    /// @dev Commits a checkpoint whose only segment says this.
    function _sayAs(uint256 operator, bytes16 run, uint64 sequence, bytes[] memory bodies)
        internal
        returns (Scene memory scene)
    {
        bytes32 root = Grove.root(WeftTree.SNAPSHOTS, _leaves(bodies));
        scene.header =
            SegmentHeader(_owner(operator), run, sequence, keccak256("previous"), root, uint32(bodies.length));
        scene.bodies = bodies;
        Checkpoint memory next = _nextCheckpoint();
        next.segmentCount = 1;
        next.segmentsRoot = Grove.root(WeftTree.SEGMENTS, Grove.only(_segmentLeaf(scene)));
        scene.number = next.number;
        (bytes memory signatures,) = _attest(next, type(uint256).max);
        ledger.commit(next, set, signatures);
    }

    function _segmentLeaf(Scene memory scene) internal view returns (bytes32) {
        return WeftHash.segmentLeaf(ledger.headerHash(scene.header));
    }

    function _proof(Scene memory scene, uint32 index) internal view returns (SnapshotProof memory proof) {
        (proof.number, proof.header, proof.snapshotIndex) = (scene.number, scene.header, index);
        (proof.salt, proof.body) = (HIDDEN, scene.bodies[index]);
        proof.segmentProof = Grove.path(WeftTree.SEGMENTS, Grove.only(_segmentLeaf(scene)), 0);
        proof.snapshotProof = Grove.path(WeftTree.SNAPSHOTS, _leaves(scene.bodies), index);
    }
}
