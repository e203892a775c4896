// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MockLedger} from "../mocks/MockLedger.sol";
import {MockTurnCourt} from "../mocks/MockTurnCourt.sol";
import {Checkpoint, SnapshotProof} from "../libraries/WeftTypes.sol";
import {WeftReader} from "../readers/WeftReader.sol";
import {WeftFixture} from "./WeftFixture.sol";
import {Proofs} from "./Proofs.sol";

/// @notice A mock ledger with checkpoints 1 to 9 and its court beside a real registry with four operators.
abstract contract AnswerFixture is WeftFixture {
    uint32 internal constant CLAIM_WINDOW = 100;
    bytes32 internal constant TURN = keccak256("turn");

    MockLedger internal mock;
    MockTurnCourt internal turnCourt;
    WeftReader internal reader;

    function setUp() public virtual override {
        super.setUp();
        _found();
        mock = new MockLedger(address(registry));
        turnCourt = new MockTurnCourt(address(mock));
        mock.nameTurnCourt(address(turnCourt));
        reader = new WeftReader(mock);
        for (uint64 number = 1; number < 10; ++number) {
            Checkpoint memory next;
            next.number = number;
            mock.commit(next, new uint256[](0), "");
        }
        mock.setFinal(8);
    }

    /// @dev A turn of operator `i` that ends with context `root` of `length` tokens.
    function _close(uint256 i, uint64 number, uint32 segment, uint32 snapshot, bytes32 request, uint32 length)
        internal
        returns (SnapshotProof memory proof)
    {
        return _closeOf(TURN, i, number, segment, snapshot, request, length);
    }

    function _closeOf(
        bytes32 turn,
        uint256 i,
        uint64 number,
        uint32 segment,
        uint32 snapshot,
        bytes32 request,
        uint32 length
    ) internal returns (SnapshotProof memory proof) {
        bytes memory body = Proofs.closeBody(turn, request, length, keccak256("end"));
        proof = Proofs.proofAt(_owner(i), number, segment, snapshot, body);
        mock.accept(proof);
    }
}
