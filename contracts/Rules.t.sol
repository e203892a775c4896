// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// solhint-disable one-contract-per-file

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {OperatorRegistry} from "./OperatorRegistry.sol";
import {StakeToken} from "./StakeToken.sol";
import {ICheckpointLedger} from "./interfaces/ICheckpointLedger.sol";
import {IEquivocationCourt} from "./interfaces/IEquivocationCourt.sol";
import {IOperatorRegistry, OperatorStatus} from "./interfaces/IOperatorRegistry.sol";
import {IQuorumVerifier} from "./interfaces/IQuorumVerifier.sol";
import {WeftHash} from "./libraries/WeftHash.sol";
import {Checkpoint, SegmentHeader} from "./libraries/WeftTypes.sol";
import {VM} from "./test/Vm.sol";
import {WeftFixture} from "./test/WeftFixture.sol";

/// A stake token that can stop moving, as tokens with a pause or a blacklist do.
contract StuckToken is StakeToken {
    error Stuck();

    bool public stuck;

    constructor(address authority) StakeToken(authority) {}

    function stick() external {
        stuck = true;
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (stuck) revert Stuck();
        super._update(from, to, amount);
    }
}

/// A contract that says yes to every signature.
contract Yes {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return 0x1626ba7e;
    }
}

/// Rules that others paid for: what audits of comparable systems found, each with the test that fails without it. Those
/// about pauses, falls and successions are `Guardian.t.sol` and `ledger/CheckpointChain.t.sol`, liability after leaving and
/// of retired keys and the sum that unbonding outlasts `OperatorRegistry.t.sol`.
contract RulesTest is WeftFixture {
    uint256 private constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    function test_Rule_AZeroTimestampNeverPasses() public {
        VM.warp(type(uint64).max);
        assert(!ledger.isFinal(1) && ledger.finalizedAt(1) == 0 && ledger.checkpointHash(1) == 0);
        VM.expectRevert(abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerUnknown.selector, uint64(1)));
        ledger.checkpoint(1);
    }

    function test_Rule_RecordsAreWrittenOnce() public {
        _found();
        (uint64 number, bytes32 hash) = _commit();
        Checkpoint memory again = _nextCheckpoint();
        again.number = number;
        VM.expectRevert(
            abi.encodeWithSelector(ICheckpointLedger.CheckpointLedgerWrongNumber.selector, number + 1, number)
        );
        ledger.commit(again, set, "");
        assert(ledger.checkpointHash(number) == hash);
    }

    function testFuzz_Rule_IdsIncludeTheParent(bytes32 one, bytes32 other) public view {
        VM.assume(one != other);
        Checkpoint memory next = _nextCheckpoint();
        next.parent = one;
        bytes32 hash = WeftHash.checkpointHash(ledger.domainSeparator(), next);
        next.parent = other;
        assert(hash != WeftHash.checkpointHash(ledger.domainSeparator(), next));
        SegmentHeader memory header = _header(0, 2, 0);
        header.previous = one;
        hash = ledger.headerHash(header);
        header.previous = other;
        assert(hash != ledger.headerHash(header));
    }

    function test_Rule_ParametersAreThoseOfTheCommit() public {
        _found();
        (uint64 number,) = _commit();
        assert(ledger.checkpoint(number).challengeWindow == CHALLENGE_WINDOW);
        assert(ledger.challengeWindow() == CHALLENGE_WINDOW && ledger.checkpoint(0).challengeWindow == 0);
    }

    /// Reporting oneself recovers the bounty and no more, a tenth at most.
    function test_Rule_SelfReportingDoesNotRecoverASlash() public {
        _found();
        VM.prank(address(court));
        registry.slash(_owner(0), _owner(0), set);
        registry.settle(_owner(0));
        assert(token.balanceOf(_owner(0)) == BOUNTY && BOUNTY * 10 <= MIN_STAKE);
        assert(token.totalSupply() == 4 * MIN_STAKE - (MIN_STAKE - BOUNTY));
    }

    /// Payments are pulled: a token that does not move can delay them, and stops no conviction.
    function test_Rule_AConvictionWaitsForNoToken() public {
        StuckToken stuck = new StuckToken(address(manager));
        token = stuck;
        registry = new OperatorRegistry(address(manager), ERC20Burnable(address(stuck)), _parameters());
        _restrict(address(stuck), StakeToken.mint.selector, 2, address(this));
        _restrict(address(registry), OperatorRegistry.slash.selector, 1, address(court));
        assert(registry.stakeToken() == address(stuck));
        _found();
        stuck.stick();
        _slash(0);
        assert(registry.operatorOf(_owner(0)).status == OperatorStatus.Convicted);
        VM.expectRevert(StuckToken.Stuck.selector);
        registry.settle(_owner(0));
        assert(registry.operatorOf(_owner(0)).stake == MIN_STAKE);
    }

    /// Signers ascend, each once, each a member; one that does not count reverts instead of being skipped.
    function test_Rule_SignersAreSortedUniqueMembers() public {
        _found();
        Checkpoint memory next = _nextCheckpoint();
        (bytes memory all,) = _attest(next, 15);
        bytes32 hash = WeftHash.checkpointHash(ledger.domainSeparator(), next);
        bytes memory stranger = _sign(_key(9), hash);
        _refuses(next, bytes.concat(all, stranger), _unexpected(_signer(9)));
        bytes memory last = new bytes(65);
        for (uint256 i = 0; i < 65; ++i) {
            last[i] = all[195 + i];
        }
        address signer = address(uint160(set[3] >> 96));
        _refuses(next, bytes.concat(all, last), _unexpected(signer));
        _refuses(next, bytes.concat(last, all), _unexpected(address(uint160(set[0] >> 96))));
        bytes memory odd = bytes.concat(all, hex"00");
        _refuses(next, odd, abi.encodeWithSelector(IQuorumVerifier.CheckpointLedgerSignaturesLength.selector, 261));
        (uint256 signed, uint256 total) = ledger.countStake(hash, set, all);
        assert(signed == total && total == 4 * MIN_STAKE);
    }

    /// The other signature with the same meaning, which ecrecover takes, is refused: as attestation and as evidence.
    function test_Rule_OnlyLowS() public {
        _found();
        Checkpoint memory next = _nextCheckpoint();
        bytes32 hash = WeftHash.checkpointHash(ledger.domainSeparator(), next);
        (bytes memory high, bytes32 s) = _highS(0, hash);
        _refuses(next, high, abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureS.selector, s));
        SegmentHeader memory a = _header(0, 1, keccak256("a"));
        SegmentHeader memory b = _header(0, 1, keccak256("b"));
        (high, s) = _highS(0, ledger.headerHash(a));
        bytes memory fine = _sign(_key(0), ledger.headerHash(b));
        VM.expectRevert(abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureS.selector, s));
        court.convict(a, high, b, fine, set);
    }

    /// What a contract calls a signature can change after the fact: neither a key nor evidence.
    function test_Rule_SignaturesOfContractsAreNoEvidence() public {
        _found();
        Yes yes = new Yes();
        bytes memory foreign = _sign(_key(9), registry.consentDigest(_owner(9), address(yes)));
        VM.expectRevert(
            abi.encodeWithSelector(IOperatorRegistry.OperatorRegistryNoConsent.selector, address(yes))
        );
        VM.prank(_owner(9));
        registry.join(address(yes), "h:1", MIN_STAKE, foreign);
        SegmentHeader memory a = _header(0, 1, keccak256("a"));
        SegmentHeader memory b = _header(0, 1, keccak256("b"));
        (a.operator, b.operator) = (address(yes), address(yes));
        bytes memory signatureA = _sign(_key(0), ledger.headerHash(a));
        bytes memory signatureB = _sign(_key(0), ledger.headerHash(b));
        VM.expectRevert(
            abi.encodeWithSelector(
                IEquivocationCourt.EquivocationCourtForeignSigner.selector, _signer(0), address(yes)
            )
        );
        court.convict(a, signatureA, b, signatureB, set);
        assert(court.ledger() == address(ledger) && court.registry() == address(registry));
    }

    /// Single steps fit a block with room to spare: less than 2^24 gas and 120 KB of calldata, with the largest set.
    function test_Rule_StepsFitABlock() public view {
        uint256[] memory most = new uint256[](128);
        uint256[] memory keys = new uint256[](128);
        for (uint256 i = 0; i < 128; ++i) {
            // Ascending by signer, as a set is.
            uint256 slot = i;
            uint256 member = uint256(uint160(VM.addr(1000 + i))) << 96 | MIN_STAKE;
            for (; slot > 0 && most[slot - 1] > member; --slot) {
                (most[slot], keys[slot]) = (most[slot - 1], keys[slot - 1]);
            }
            (most[slot], keys[slot]) = (member, 1000 + i);
        }
        bytes32 hash = keccak256("checkpoint");
        bytes memory signatures;
        for (uint256 i = 0; i < 128; ++i) {
            signatures = bytes.concat(signatures, _sign(keys[i], hash));
        }
        uint256 before = gasleft();
        (uint256 signed, uint256 total) = ledger.countStake(hash, most, signatures);
        uint256 used = before - gasleft();
        assert(signed == total && used < 1 << 24);
        assert(abi.encodeCall(ledger.commit, (_nextCheckpoint(), most, signatures)).length < 120_000);
    }

    function _refuses(Checkpoint memory next, bytes memory signatures, bytes memory why) private {
        VM.expectRevert(why);
        ledger.commit(next, set, signatures);
    }

    function _unexpected(address signer) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IQuorumVerifier.CheckpointLedgerUnexpectedSigner.selector, signer);
    }

    function _highS(uint256 i, bytes32 hash) private pure returns (bytes memory signature, bytes32 high) {
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(_key(i), hash);
        high = bytes32(ORDER - uint256(s));
        signature = abi.encodePacked(r, high, v == 27 ? uint8(28) : uint8(27));
    }
}
