// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice The latest checkpoint, as far as the next commit must know it:
/// `number | registryPosition << 64 | finalAt << 128`.
type HeadWord is uint256;

/// @notice What is kept of every checkpoint besides its hashes:
/// `committedAt | finalAt << 64 | registryPosition << 128 | challengeWindow << 192`.
type TimesWord is uint256;

using LedgerWords for HeadWord global;
using LedgerWords for TimesWord global;

/// @title LedgerWords
/// @dev Packed by hand, because the compiler writes the fields of a packed struct one by one. The casts cut off
/// exactly the fields above the one that is read.
library LedgerWords {
    function packHead(uint64 number_, uint64 registryPosition_, uint64 finalAt_) internal pure returns (HeadWord) {
        return HeadWord.wrap(uint256(number_) | uint256(registryPosition_) << 64 | uint256(finalAt_) << 128);
    }

    function number(HeadWord head) internal pure returns (uint64) {
        return uint64(HeadWord.unwrap(head));
    }

    function registryPosition(HeadWord head) internal pure returns (uint64) {
        return uint64(HeadWord.unwrap(head) >> 64);
    }

    function finalAt(HeadWord head) internal pure returns (uint64) {
        return uint64(HeadWord.unwrap(head) >> 128);
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
