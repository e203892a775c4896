// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title StakeToken
/// @notice The stake token of devnets and testnets: worth nothing, minted by whoever holds the minter role.
contract StakeToken is ERC20, ERC20Burnable, ERC20Permit, AccessManaged {
    constructor(address authority) ERC20("Weft Stake", "WEFT") ERC20Permit("Weft Stake") AccessManaged(authority) {}

    /// @notice Mints `amount`, in units of 10^-18, to `to`.
    function mint(address to, uint256 amount) external restricted {
        _mint(to, amount);
    }
}
