// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ICheckpointLedger} from "../../interfaces/ICheckpointLedger.sol";
import {Case, IInferenceCourt} from "../../interfaces/IInferenceCourt.sol";
import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {ContextTree} from "../../libraries/ContextTree.sol";
import {WeftTree} from "../../libraries/WeftTree.sol";
import {ModelReader} from "../../libraries/model/ModelReader.sol";
import {ModelHead, ModelOp} from "../../libraries/model/ModelTypes.sol";

/// @title Examiner
/// @notice Judges what is shown to the inference court: functions of their arguments and of the registry of models alone. They
/// have the names and arguments of the court's, which passes its own calls on. Contracts of their own, because all
/// together are larger than one may be.
/// @dev Whether case and answer are those that the court knows is the court's to see. SAFETY: single leaves of a registered
/// model are taken to fit one another, as those of every model do that honest workers load.
abstract contract Examiner {
    using SafeCast for uint256;

    ICheckpointLedger internal immutable _ledger;
    IModelRegistry internal immutable _models;

    constructor(ICheckpointLedger ledger_, IModelRegistry models_) {
        _ledger = ledger_;
        _models = models_;
    }

    /// @notice The ledger whose checkpoints are read.
    function ledger() external view returns (address) {
        return address(_ledger);
    }

    /// @notice Which models are exact.
    function models() external view returns (address) {
        return address(_models);
    }

    function _headOf(bytes32 model, bytes calldata leaf) internal view returns (ModelHead memory) {
        _require(_models.exactModel(model).headHash == keccak256(leaf), "head");
        return ModelReader.readHead(leaf);
    }

    function _opOf(Case calldata accused, bytes calldata leaf, uint256 number, bytes32[] calldata proof)
        internal
        pure
        returns (ModelOp memory)
    {
        _requireLeaf(accused.model, leaf, 1 + accused.constants + number, proof);
        return ModelReader.readOp(leaf, number, accused.constants);
    }

    function _requireLeaf(bytes32 model, bytes calldata leaf, uint256 index, bytes32[] calldata proof) internal pure {
        bytes32 hash = WeftTree.leaf(ModelReader.MODEL, leaf);
        _require(WeftTree.rootOf(ModelReader.MODEL, ModelReader.MODEL_DEPTH, hash, index, proof) == model, "leaf");
    }

    function _requireToken(Case calldata accused, uint256 position, uint32 token, bytes32[] calldata proof)
        internal
        pure
    {
        _require(position < accused.position, "token");
        _require(ContextTree.verify(accused.contextRoot, position.toUint32(), token, proof), "token");
    }

    function _require(bool holds, string memory part) internal pure {
        if (!holds) revert IInferenceCourt.InferenceCourtNotProven(part);
    }
}
