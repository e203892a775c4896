// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IOperatorRegistry, OperatorStatus, RegistryParameters} from "../interfaces/IOperatorRegistry.sol";

/// @title RegistryRules
/// @notice What the registry's parameters must obey, and what an operator's status implies.
library RegistryRules {
    /// @dev With more members a commit's calldata and signatures would not fit a block with room to spare.
    uint32 internal constant MOST_OPERATORS = 128;
    /// @dev Reporting oneself recovers the bounty, so it is a small part of the smallest stake.
    uint96 internal constant LEAST_STAKE_PER_BOUNTY = 10;

    /// @notice Reverts with `OperatorRegistryInvalidParameters` or `OperatorRegistryUnbondingTooShort`.
    function check(RegistryParameters memory p) internal pure {
        _require(p.minStake > 0, "minStake");
        _require(uint256(p.bounty) * LEAST_STAKE_PER_BOUNTY <= p.minStake, "bounty");
        _require(p.minOperators > 0, "minOperators");
        _require(p.maxOperators >= p.minOperators && p.maxOperators <= MOST_OPERATORS, "maxOperators");
        _require(p.maxChangesPerEpoch > 0, "maxChangesPerEpoch");
        _require(p.epochSeconds > 0, "epochSeconds");
        _require(p.challengeWindowSeconds > 0, "challengeWindowSeconds");
        // Nothing may be pruned while somebody can still ask for it.
        _require(
            p.retentionSeconds >= uint256(p.challengeWindowSeconds) + p.disputeWindowsSeconds, "retentionSeconds"
        );
        // SAFETY: stake leaves only when nothing that its owner signed can be brought to a court any more.
        uint256 liability = uint256(p.signingLagSeconds) + p.challengeWindowSeconds + p.disputeWindowsSeconds
            + p.retentionSeconds + p.longestPauseSeconds + p.graceSeconds;
        if (p.unbondingSeconds <= liability) {
            revert IOperatorRegistry.OperatorRegistryUnbondingTooShort(p.unbondingSeconds, liability);
        }
    }

    /// @notice Whether an operator of this status has stake that a court can take.
    function hasStake(OperatorStatus status) internal pure returns (bool) {
        return status == OperatorStatus.Pending || status == OperatorStatus.Active
            || status == OperatorStatus.Exiting || status == OperatorStatus.Left;
    }

    function _require(bool holds, string memory parameter) private pure {
        if (!holds) revert IOperatorRegistry.OperatorRegistryInvalidParameters(parameter);
    }
}
