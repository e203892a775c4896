// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// solhint-disable one-contract-per-file

import {Bodies, Place} from "../test/Bodies.sol";
import {Said, SnapshotReader} from "./SnapshotReader.sol";

contract SnapshotHarness {
    function read(bytes calldata body) external pure returns (bool wellFormed, Said memory said) {
        return SnapshotReader.read(body);
    }
}

/// Later snapshots of a turn; those that open one are in `OpenSnapshot.t.sol`.
contract SnapshotReaderTest {
    bytes32 private constant TURN = keccak256("turn");
    bytes32 private constant ROOT = keccak256("root");
    bytes32 private constant REQUEST = keccak256("request");

    SnapshotHarness private _harness;

    function setUp() public {
        _harness = new SnapshotHarness();
    }

    function _previous() private pure returns (Place memory) {
        return Place(7, 3);
    }

    function _tokens(uint8 choice, bytes32 root, uint256 count) private pure returns (bytes memory) {
        return Bodies.tokens(TURN, _previous(), 40, choice, root, new uint32[](count));
    }

    function _learn(bytes memory definition, bytes32 root) private pure returns (bytes memory) {
        return Bodies.learn(TURN, _previous(), definition, abi.encodePacked(uint32(1), uint32(2), uint32(3)), 90, root);
    }

    function _defined(uint32 columns, bytes memory orders) private pure returns (bytes memory) {
        return _learn(Bodies.definition(columns, orders, ROOT, new address[](0)), ROOT);
    }

    function _taught(address[] memory writers) private pure returns (bytes memory) {
        return _learn(Bodies.definition(300, hex"0108", ROOT, writers), ROOT);
    }

    function _close(uint8 reason, bytes32 root) private pure returns (bytes memory) {
        return Bodies.close(TURN, _previous(), REQUEST, 90, root, reason);
    }

    function _isWellFormed(bytes memory body) private view returns (bool wellFormed) {
        (wellFormed,) = _harness.read(body);
    }

    /// @dev A body is well formed, and nothing that is longer or shorter is.
    function _read(bytes memory body) private view returns (Said memory said) {
        bool wellFormed;
        (wellFormed, said) = _harness.read(body);
        assert(wellFormed && said.turn == TURN && said.previousSequence == 7 && said.previousIndex == 3);
        assert(!_isWellFormed(bytes.concat(body, hex"00")));
        bytes memory cut = new bytes(body.length - 1);
        for (uint256 length = 0; length < body.length; length += 1 + length / 7) {
            // solhint-disable-next-line no-inline-assembly
            assembly ("memory-safe") {
                mstore(cut, length)
                mcopy(add(cut, 32), add(body, 32), length)
            }
            assert(!_isWellFormed(cut));
        }
    }

    function test_ReadsTokens() public view {
        for (uint8 choice = 1; choice <= 3; ++choice) {
            Said memory said = _read(_tokens(choice, ROOT, 2));
            assert(said.kind == 2 && said.choice == choice && said.root == ROOT && said.ids == 118);
            assert(said.first == 40 && said.count == 2 && said.length == 42);
        }
        assert(_isWellFormed(_tokens(3, ROOT, 1024)));
    }

    function test_RefusesTokensThatAreNone() public view {
        assert(!_isWellFormed(_tokens(0, ROOT, 2)));
        assert(!_isWellFormed(_tokens(4, ROOT, 2)));
        assert(!_isWellFormed(_tokens(3, 0, 2)));
        assert(!_isWellFormed(_tokens(3, ROOT, 0)));
        assert(!_isWellFormed(_tokens(3, ROOT, 1025)));
        bytes memory body = _tokens(3, ROOT, 2);
        for (uint256 i = 82; i < 114; ++i) {
            body[i] = 0; // digest of the rows
        }
        assert(!_isWellFormed(body));
    }

    function test_ReadsWhatIsLearnt() public view {
        Said memory said = _read(_defined(300, hex"0103"));
        assert(said.kind == 3 && said.orders == 2 && said.root == ROOT && said.length == 90);
        assert(said.start == 1 && said.first == 2 && said.count == 3);
        assert(_isWellFormed(_defined(1, hex"08")));
        assert(_isWellFormed(_defined(1 << 18, hex"0102030405060708")));
    }

    function test_RefusesMemoriesThatAreNone() public view {
        assert(!_isWellFormed(_defined(0, hex"01")));
        assert(!_isWellFormed(_defined((1 << 18) + 1, hex"01")));
        assert(!_isWellFormed(_defined(300, "")));
        assert(!_isWellFormed(_defined(300, hex"010203040506070809")));
        assert(!_isWellFormed(_defined(300, hex"00")));
        assert(!_isWellFormed(_defined(300, hex"09")));
        assert(!_isWellFormed(_defined(300, hex"0303")));
        assert(!_isWellFormed(_defined(300, hex"0301")));
        assert(!_isWellFormed(_learn(Bodies.definition(300, hex"01", ROOT, new address[](0)), 0)));
    }

    /// A writer may be zero, which nobody is; two may not be the same.
    function test_WritersAscend() public view {
        address[] memory writers = new address[](2);
        writers[1] = address(type(uint160).max);
        Said memory said = _read(_taught(writers));
        assert(said.start == 1);
        (writers[0], writers[1]) = (address(2), address(1));
        assert(!_isWellFormed(_taught(writers)));
        writers[1] = address(2);
        assert(!_isWellFormed(_taught(writers)));
        writers = new address[](33);
        for (uint256 i = 0; i < 33; ++i) {
            writers[i] = address(uint160(i));
        }
        assert(!_isWellFormed(_taught(writers)));
    }

    function test_ReadsCloses() public view {
        for (uint8 reason = 1; reason <= 3; ++reason) {
            Said memory said = _read(_close(reason, ROOT));
            assert(said.kind == 4 && said.choice == reason && said.requestId == REQUEST);
            assert(said.length == 90 && said.root == ROOT);
        }
        assert(!_isWellFormed(_close(0, ROOT)));
        assert(!_isWellFormed(_close(4, ROOT)));
        assert(!_isWellFormed(_close(1, 0)));
    }

    function test_RefusesOtherKindsAndCountersThatNobodyReaches() public view {
        bytes memory body = _close(1, ROOT);
        for (uint8 kind = 0; kind <= 6; kind += 5) {
            body[0] = bytes1(kind);
            assert(!_isWellFormed(body));
        }
        assert(_isWellFormed(Bodies.close(TURN, Place((1 << 53) - 1, 0), REQUEST, 90, ROOT, 1)));
        assert(!_isWellFormed(Bodies.close(TURN, Place(1 << 53, 0), REQUEST, 90, ROOT, 1)));
    }
}
