// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Challenge, State} from "../../interfaces/IAvailabilityCourt.sol";
import {ChallengeFixture} from "../../test/ChallengeFixture.sol";
import {VM} from "../../test/Vm.sol";

contract ChallengesMoneyTest is ChallengeFixture {
    /// S12: whatever is asked, served, concluded and taken, the court has what it owes, to the wei.
    function testFuzz_TheMoneyAddsUp(uint8[48] memory moves) public {
        bytes32[] memory ids = new bytes32[](ENTRIES);
        for (uint256 i = 0; i < moves.length; ++i) {
            uint256 slot = (moves[i] >> 3) % ENTRIES;
            uint256 move = moves[i] % 8;
            bytes32 id = ids[slot];
            State state = judge.challengeOf(id).state;
            if (move < 3 && id == 0 && !judge.condemned(hash) && block.timestamp < made + RETENTION) {
                ids[slot] = _ask(uint64(slot));
            } else if (move == 3) {
                _pass(1);
            } else if (move == 4 && slot == 0 && state == State.Open && _now() < judge.challengeOf(id).deadline) {
                _serve(id);
            } else if (move == 5 && state == State.Open && _now() >= judge.challengeOf(id).deadline) {
                judge.conclude(id);
            } else if (move == 6 && state == State.Answered && _now() >= judge.challengeOf(id).deadline) {
                judge.release(id);
            } else if (move == 7 && judge.creditOf(ASKER) > 0) {
                VM.prank(ASKER);
                judge.withdraw();
            }
            _checkMoney(ids);
        }
    }

    function _checkMoney(bytes32[] memory ids) private view {
        uint256 owed = judge.creditOf(ASKER) + judge.creditOf(SERVER);
        uint256 open = 0;
        uint256 disputes = 0;
        for (uint256 i = 0; i < ids.length; ++i) {
            Challenge memory asked = judge.challengeOf(ids[i]);
            if (asked.state == State.Open) {
                owed += asked.bond;
                ++open;
            }
            if (asked.disputed && (asked.state == State.Open || asked.state == State.Answered)) ++disputes;
        }
        assert(token.balanceOf(address(judge)) == owed);
        assert(judge.bondOf(hash) == BOND * (1 + open));
        assert(ledger.checkpoint(next.number).openDisputes == disputes);
        assert(token.totalSupply() == supply - judge.creditOf(SERVER)); // as much is burnt
    }
}
