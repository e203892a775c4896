// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {ICheckpointLedger} from "../interfaces/ICheckpointLedger.sol";
import {IWeftReader, Place, ProvenTokens} from "../interfaces/IWeftReader.sol";
import {TokensSnapshot} from "../libraries/TokensSnapshot.sol";
import {SnapshotProof} from "../libraries/WeftTypes.sol";
import {MockLedger} from "../mocks/MockLedger.sol";
import {AnswerFixture} from "../test/AnswerFixture.sol";
import {Proofs} from "../test/Proofs.sol";
import {VM} from "../test/Vm.sol";

contract WeftReaderTest is AnswerFixture {
    function testFuzz_ReadsEveryToken(uint32[4] memory tokens, uint32 first) public {
        VM.assume(first < type(uint32).max - 4);
        uint32[] memory ids = new uint32[](4);
        for (uint256 i = 0; i < 4; ++i) {
            ids[i] = tokens[i];
        }
        bytes memory body = Proofs.tokensBody(TURN, first, 3, keccak256("root"), ids);
        SnapshotProof memory proof = Proofs.proofAt(_owner(1), 4, 2, 7, body);
        mock.accept(proof);
        ProvenTokens memory proven = reader.proveTokens(proof);
        assert(proven.turn == TURN && proven.first == first && proven.kind == 3 && proven.ids.length == 4);
        assert(proven.contextRoot == keccak256("root") && proven.place.operator == _owner(1));
        for (uint32 i = 0; i < 4; ++i) {
            assert(proven.ids[i] == tokens[i]);
            (uint32 token, uint8 kind, bytes32 turn, address operator) = reader.proveToken(proof, first + i);
            assert(token == tokens[i] && kind == 3 && turn == TURN && operator == _owner(1));
        }
    }

    /// What is included need not be well-formed: its bytes are looked at before they are read.
    function test_MalformedTokensAreNotRead() public {
        bytes memory body = bytes.concat(Proofs.tokensBody(TURN, 1, 3, TURN, new uint32[](2)), hex"00");
        SnapshotProof memory proof = Proofs.proofAt(_owner(1), 4, 2, 7, body);
        mock.accept(proof);
        VM.expectRevert(abi.encodeWithSelector(TokensSnapshot.TokensSnapshotWrongLength.selector, 126, 127));
        reader.proveTokens(proof);
    }

    function test_OnlyWhatIsFinalIsBelieved() public {
        SnapshotProof memory proof = _close(0, 8, 0, 0, TURN, 9);
        assert(reader.locate(proof).order == uint256(8) << 64);
        mock.fell(8, 0);
        VM.expectRevert(abi.encodeWithSelector(IWeftReader.WeftReaderNotFinal.selector, uint64(8)));
        reader.locate(proof);
        VM.expectRevert(
            abi.encodeWithSelector(IWeftReader.WeftReaderNotIncluded.selector, uint64(1), uint32(0), uint32(0))
        );
        reader.locate(Proofs.proofAt(_owner(0), 1, 0, 0, ""));
    }

    /// Old proofs hold on, those of the successor come after them; neither before it took over nor beyond 8 of them.
    function test_FollowsSuccessorsOnceTheyTookOver() public {
        SnapshotProof memory old = _close(0, 8, 0, 0, TURN, 9);
        MockLedger last = mock;
        for (uint256 i = 0; i < 9; ++i) {
            MockLedger next = new MockLedger(address(registry));
            last.announceSuccessor(address(next), 0);
            assert(address(reader.current()) == address(last));
            last.retire();
            assert(address(reader.current()) == (i < 8 ? address(next) : address(last)));
            SnapshotProof memory proof = Proofs.proofAt(_owner(0), 0, uint32(i), 0, Proofs.closeBody(TURN, TURN, 9, TURN));
            next.accept(proof);
            if (i == 8) {
                VM.expectRevert(
                    abi.encodeWithSelector(IWeftReader.WeftReaderNotIncluded.selector, uint64(0), uint32(8), uint32(0))
                );
            }
            Place memory place = reader.locate(proof);
            if (i == 8) break;
            assert(address(place.ledger) == address(next) && place.order > reader.locate(old).order);
            last = next;
        }
        (ICheckpointLedger latest, uint64 number, bytes32 hash) = reader.latestFinal();
        assert(address(latest) == address(last) && number == 0 && hash == keccak256("mock genesis"));
    }

    function test_AnswersForItsInterface() public view {
        assert(reader.supportsInterface(type(IWeftReader).interfaceId));
        assert(reader.supportsInterface(type(IERC165).interfaceId));
        assert(!reader.supportsInterface(0xffffffff));
        assert(ledger.supportsInterface(type(ICheckpointLedger).interfaceId));
        assert(ledger.supportsInterface(type(IERC165).interfaceId) && !ledger.supportsInterface(0xffffffff));
        assert(mock.supportsInterface(type(ICheckpointLedger).interfaceId));
    }
}
