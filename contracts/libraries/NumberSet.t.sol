// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {NumberSet} from "./NumberSet.sol";
import {Staircase} from "./Staircase.sol";

/// Both structures against lists that are walked through.
contract NumberSetTest {
    using NumberSet for NumberSet.Set;
    using Staircase for Staircase.Steps;

    NumberSet.Set private _set;
    Staircase.Steps private _steps;
    uint32[] private _members;
    uint64[2][] private _list;

    /// Numbers near each other and far apart, so that all levels have words with one and with several members.
    function testFuzz_LeastIsThatOfAList(uint32[24] memory numbers, uint8[24] memory actions, uint8 spread) public {
        for (uint256 i = 0; i < 24; ++i) {
            uint32 number = numbers[i] % uint32(1 << (1 + spread % 31)) + 1;
            uint256 action = actions[i] % 4;
            if (action == 0) {
                _set.cut(number);
                for (uint256 k = _members.length; k > 0; --k) {
                    if (_members[k - 1] >= number) _drop(k - 1);
                }
            } else if (action == 1 && _members.length > 0) {
                uint256 k = number % _members.length;
                _set.remove(_members[k]);
                _drop(k);
            } else if (!_has(number)) {
                _set.insert(number);
                _members.push(number);
            }
            (bool found, uint32 least) = _set.least();
            assert(found == (_members.length > 0));
            assert(!found || least == _least());
        }
    }

    /// What was cut off does not come back when a number is added beside it.
    function test_WhatWasCutStaysOut() public {
        _set.insert(290);
        _set.insert(70_000);
        _set.cut(10);
        (bool found,) = _set.least();
        assert(!found);
        _set.insert(301);
        _set.insert(70_001);
        (, uint32 least) = _set.least();
        assert(least == 301);
        _set.remove(301);
        (, least) = _set.least();
        assert(least == 70_001);
    }

    function testFuzz_StepsAreThoseOfAList(uint8[24] memory keys, uint64[24] memory values, uint8 asked) public {
        for (uint256 i = 0; i < 24; ++i) {
            uint64 key = uint64(keys[i]) + 1;
            _steps.put(key, values[i]);
            while (_list.length > 0 && _list[_list.length - 1][0] >= key) _list.pop();
            _list.push([key, values[i]]);
            (uint64 foundKey, uint64 value) = _steps.find(asked);
            uint64[2] memory expected;
            for (uint256 k = 0; k < _list.length; ++k) {
                if (_list[k][0] <= asked) expected = _list[k];
            }
            assert(foundKey == expected[0] && value == expected[1]);
        }
    }

    function _has(uint32 number) private view returns (bool) {
        for (uint256 i = 0; i < _members.length; ++i) {
            if (_members[i] == number) return true;
        }
        return false;
    }

    function _least() private view returns (uint32 number) {
        number = type(uint32).max;
        for (uint256 i = 0; i < _members.length; ++i) {
            if (_members[i] < number) number = _members[i];
        }
    }

    function _drop(uint256 index) private {
        _members[index] = _members[_members.length - 1];
        _members.pop();
    }
}
