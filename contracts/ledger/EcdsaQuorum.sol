// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IQuorumVerifier} from "../interfaces/IQuorumVerifier.sol";
import {OperatorSet} from "../libraries/OperatorSet.sol";

/// @title EcdsaQuorum
/// @notice Counts secp256k1 signatures of 65 bytes (r, s, v), ascending by signer, low s only.
/// @dev Inherited, not called: the call, a cold account and the copy of set and signatures cost 4k gas at 4 operators and
/// 4.5k at 32, which the limit of a commit does not leave, for code that an immutable ledger could not exchange anyway.
abstract contract EcdsaQuorum is IQuorumVerifier {
    uint256 private constant SIGNATURE_BYTES = 65;

    /// @inheritdoc IQuorumVerifier
    function countStake(bytes32 hash, uint256[] calldata set, bytes calldata signatures)
        public
        pure
        returns (uint256 signedStake, uint256 totalStake)
    {
        // Signers ascend like the set does, so one walk over the set meets all of them; a signer that the rest of the
        // set does not have is unknown, repeated or out of order.
        if (signatures.length % SIGNATURE_BYTES != 0) revert CheckpointLedgerSignaturesLength(signatures.length);
        uint256 walked = 0;
        for (uint256 offset = 0; offset < signatures.length; offset += SIGNATURE_BYTES) {
            bytes32 r;
            bytes32 s;
            uint8 v;
            // Three loads instead of a slice and a copy per signature (300 gas each); they stay inside the
            // signatures, whose length is a multiple of 65. ECDSA then refuses a high s and any v but 27 and 28.
            // solhint-disable-next-line no-inline-assembly
            assembly ("memory-safe") {
                let signature := add(signatures.offset, offset)
                r := calldataload(signature)
                s := calldataload(add(signature, 0x20))
                v := byte(0, calldataload(add(signature, 0x40)))
            }
            address signer = ECDSA.recover(hash, v, r, s);
            while (true) {
                if (walked == set.length) revert CheckpointLedgerUnexpectedSigner(signer);
                uint256 member = set[walked];
                uint256 stake = OperatorSet.stakeOf(member);
                // Unchecked: there are at most 128 stakes of 96 bits in a registry's set.
                unchecked {
                    ++walked;
                    totalStake += stake;
                    if (OperatorSet.signerOf(member) == signer) {
                        signedStake += stake;
                        break;
                    }
                }
            }
        }
        for (; walked < set.length; ++walked) {
            totalStake += OperatorSet.stakeOf(set[walked]);
        }
    }
}
