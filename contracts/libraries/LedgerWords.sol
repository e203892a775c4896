// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice What the next commit must know: the latest standing checkpoint and its registry position, the last number
/// that was used, and the active time from which there are no more commits, zero while there is none:
/// `number | registryPosition << 64 | last << 128 | retiresAt << 192`.
type HeadWord is uint256;

/// @notice What is kept of every checkpoint besides its hashes; `finalAt` is active time:
/// `committedAt | finalAt << 64 | registryPosition << 128 | challengeWindow << 192`.
type TimesWord is uint256;

using LedgerWords for HeadWord global;
using LedgerWords for TimesWord global;

/// @title LedgerWords
/// @dev Packed by hand, because the compiler writes the fields of a packed struct one by one. The casts cut off
/// exactly the fields above the one that is read.
library LedgerWords {
    function packHead(uint64 number_, uint64 registryPosition_, uint64 last_, uint64 retiresAt_)
        internal
        pure
        returns (HeadWord)
    {
        return HeadWord.wrap(
            uint256(number_) | uint256(registryPosition_) << 64 | uint256(last_) << 128 | uint256(retiresAt_) << 192
        );
    }

    function number(HeadWord head) internal pure returns (uint64) {
        return uint64(HeadWord.unwrap(head));
    }

    function registryPosition(HeadWord head) internal pure returns (uint64) {
        return uint64(HeadWord.unwrap(head) >> 64);
    }

    function last(HeadWord head) internal pure returns (uint64) {
        return uint64(HeadWord.unwrap(head) >> 128);
    }

    function retiresAt(HeadWord head) internal pure returns (uint64) {
        return uint64(HeadWord.unwrap(head) >> 192);
    }

    function packTimes(uint64 committedAt_, uint64 finalAt_, uint64 registryPosition_, uint32 challengeWindow_)
        internal
        pure
        returns (TimesWord)
    {
        return TimesWord.wrap(
            uint256(committedAt_) | uint256(finalAt_) << 64 | uint256(registryPosition_) << 128
                | uint256(challengeWindow_) << 192
        );
    }

    function committedAt(TimesWord times) internal pure returns (uint64) {
        return uint64(TimesWord.unwrap(times));
    }

    function finalAt(TimesWord times) internal pure returns (uint64) {
        return uint64(TimesWord.unwrap(times) >> 64);
    }

    function registryPosition(TimesWord times) internal pure returns (uint64) {
        return uint64(TimesWord.unwrap(times) >> 128);
    }

    function challengeWindow(TimesWord times) internal pure returns (uint32) {
        return uint32(TimesWord.unwrap(times) >> 192);
    }
}
