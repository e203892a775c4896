// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ExactModel, IModelRegistry, ModelClass} from "./interfaces/IModelRegistry.sol";
import {WeftTree} from "./libraries/WeftTree.sol";
import {ModelReader} from "./libraries/model/ModelReader.sol";
import {ModelHead} from "./libraries/model/ModelTypes.sol";

/// @title ModelRegistry
/// @notice Which models are exact; see the interface.
/// @dev INVARIANT: what is written of a model never changes; a note becomes an exact model, nothing else.
contract ModelRegistry is IModelRegistry {
    using SafeCast for uint256;

    uint256 private constant MOST_URI = 512;

    mapping(bytes32 root => ExactModel) private _exact;
    mapping(bytes32 id => bool) private _tolerant;

    /// @inheritdoc IModelRegistry
    function registerExact(bytes32 root, bytes calldata head, bytes32[] calldata proof, string calldata uri) external {
        _requireUri(uri);
        if (_exact[root].headHash != 0) revert ModelRegistryKnown(root, ModelClass.Exact);
        bytes32 leaf = WeftTree.leaf(ModelReader.MODEL, head);
        if (WeftTree.rootOf(ModelReader.MODEL, ModelReader.MODEL_DEPTH, leaf, 0, proof) != root) {
            revert ModelRegistryNotUnder(root);
        }
        ModelHead memory read = ModelReader.readHead(head);
        _exact[root] = ExactModel(keccak256(head), read.constants.toUint16(), read.tensors.toUint16());
        emit ExactRegistered(root, msg.sender, head, uri);
    }

    /// @inheritdoc IModelRegistry
    function registerTolerant(bytes32 id, string calldata uri) external {
        _requireUri(uri);
        ModelClass known = classOf(id);
        if (known != ModelClass.None) revert ModelRegistryKnown(id, known);
        _tolerant[id] = true;
        emit TolerantNoted(id, msg.sender, uri);
    }

    /// @inheritdoc IModelRegistry
    function exactModel(bytes32 root) external view returns (ExactModel memory) {
        return _exact[root];
    }

    /// @inheritdoc IModelRegistry
    function classOf(bytes32 id) public view returns (ModelClass) {
        if (_exact[id].headHash != 0) return ModelClass.Exact;
        return _tolerant[id] ? ModelClass.Tolerant : ModelClass.None;
    }

    function _requireUri(string calldata uri) private pure {
        uint256 length = bytes(uri).length;
        if (length == 0 || length > MOST_URI) revert ModelRegistryInvalidUri(length, MOST_URI);
    }
}
