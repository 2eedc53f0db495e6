import Kernels
import Vocabulary

/// The part of the graph that an output depends on, in order of creation, which is a topological order.
public struct Graph {
  let output: Tensor
  /// Results of operations, the output last.
  let nodes: [Tensor]
  /// Tensors that require gradients and were made by no operation.
  let leaves: [Tensor]

  init(_ output: Tensor) {
    self.output = output
    var seen: Set<ObjectIdentifier> = [ObjectIdentifier(output)]
    var pending = [output]
    var nodes: [Tensor] = []
    var leaves: [Tensor] = []
    while let tensor = pending.popLast() {
      if tensor.op == nil { leaves.append(tensor) } else { nodes.append(tensor) }
      for input in tensor.inputs where input.requiresGrad && seen.insert(ObjectIdentifier(input)).inserted {
        pending.append(input)
      }
    }
    self.nodes = nodes.sorted { $0.order < $1.order }
    self.leaves = leaves.filter(\.requiresGrad)
  }

  /// Derivatives of values that are no longer there would be wrong.
  func checkVersions(_ name: String) throws {
    for node in nodes where !node.versions.isEmpty {
      for (tensor, version) in zip(node.inputs + [node], node.versions)
      where tensor.storage.version != version {
        throw Failure.value(
          "\(name): a tensor of shape \(describe(tensor.shape)) that the output was computed from has changed "
            + "since, by assign, load_state_dict, an optimizer's step or a write to its memory; compute the output anew first"
        )
      }
    }
  }

  /// Leaves the gradient on every leaf, and on every node if `keep`.
  func pull(seed: Tensor?, keep: Bool) {
    if let seed, !output.isLeaf {
      // Nothing adds to the gradient of an operation's output here: the seed is only read.
      output.gradient = SweepBuffer(storage: seed.storage, ready: true)
    } else {
      let (pointer, _) = output.gradient.receive(output.byteCount)
      if let seed {
        pointer.copyMemory(from: seed.pointer, byteCount: output.byteCount)
      } else {
        fill(output.dtype.scalar, pointer, output.count, 1)
      }
    }
    for node in nodes.reversed() {
      pullThrough(node)
      if !keep { node.gradient.clear() }
    }
  }

  /// Carries `count` tangents from the leaves that have one to the output.
  func push(_ count: Int) {
    for node in nodes { node.op!.push(node.inputs, node, count) }
  }

  /// Leaves the tangent of the gradient on every leaf, after `pull(keep: true)` and `push`.
  func pullTangents(_ count: Int, keeping kept: Set<ObjectIdentifier> = []) {
    for node in nodes.reversed() {
      guard node.gradient.ready else { continue }
      for (i, input) in node.inputs.enumerated() where input.requiresGrad {
        node.op!.pullTangent(node.inputs, node, i, count)
      }
      if !kept.contains(ObjectIdentifier(node)) { node.gradientTangent.clear() }
    }
  }

  func clearTangents() {
    for tensor in nodes + leaves {
      tensor.tangent.clear()
      tensor.gradientTangent.clear()
    }
  }

  func clear() {
    clearTangents()
    for tensor in nodes + leaves { tensor.gradient.clear() }
  }
}

func pullThrough(_ node: Tensor) {
  guard node.gradient.ready else { return }
  node.op!.preparePull(node.inputs, node)
  for (i, input) in node.inputs.enumerated() where input.requiresGrad { node.op!.pull(node.inputs, node, i) }
}

/// Derivatives of an output with respect to tensors it was computed from.
public enum Derivatives {
  /// Adds the gradient of `output` to `grad` of every leaf. `seed`: the gradient at the output, 1 for a scalar.
  public static func backward(_ output: Tensor, seed: Tensor?) throws {
    let graph = try checkedGraph("backward", output, seed)
    graph.pull(seed: seed, keep: false)
    for leaf in graph.leaves where leaf.gradient.ready {
      let storage = leaf.gradient.storage!
      leaf.gradient.clear()
      if let grad = leaf.grad {
        addScaled(leaf.dtype.scalar, grad.pointer, storage.pointer, 1, grad.pointer, leaf.count)
      } else {
        leaf.grad = Tensor(shape: leaf.shape, dtype: leaf.dtype, storage: storage)
      }
    }
  }

  /// Gradients with respect to given tensors, nil where the output does not depend on one; `grad` is left alone.
  public static func gradients(_ output: Tensor, seed: Tensor?, _ targets: [Tensor]) throws -> [Tensor?] {
    let graph = try checkedGraph("grad", output, seed)
    graph.pull(seed: seed, keep: true)
    defer { graph.clear() }
    return targets.map { target in
      guard target.gradient.ready else { return nil }
      // What nobody else holds need not be copied: the sweep is over.
      let own = isKnownUniquelyReferenced(&target.gradient.storage)
      let storage = own ? target.gradient.storage! : target.gradient.storage!.copy()
      return Tensor(shape: target.shape, dtype: target.dtype, storage: storage)
    }
  }

  /// J times stacked tangents: `tangents[i]` is [K, shape of inputs[i]], the result [K, shape of output].
  public static func jvp(_ output: Tensor, _ inputs: [Tensor], _ tangents: [Tensor]) throws -> Tensor {
    let count = try stackCount("jvp", "tangents", inputs, tangents)
    try checkRoom([count] + output.shape, output.dtype)
    let result = Tensor(zeros: [count] + output.shape, dtype: output.dtype)
    guard output.requiresGrad else { return result }
    let graph = Graph(output)
    try graph.checkVersions("jvp")
    defer { finish(graph, inputs) }
    for low in stride(from: 0, to: count, by: tile) {
      let k = min(tile, count - low)
      placeTangents(inputs, tangents, low, k)
      graph.push(k)
      if output.tangent.ready {
        (result.pointer + low * output.byteCount)
          .copyMemory(from: output.tangent.pointer, byteCount: k * output.byteCount)
      }
      graph.clearTangents()
    }
    return result
  }

  /// H times stacked vectors, exactly: `vectors[i]` is [K, shape of inputs[i]], and so are the results.
  public static func hvp(_ output: Tensor, _ inputs: [Tensor], _ vectors: [Tensor]) throws -> [Tensor] {
    let count = try stackCount("hvp", "vectors", inputs, vectors)
    let graph = try checkedGraph("hvp", output, nil)
    defer { finish(graph, inputs) }
    let wanted = Set(inputs.map { ObjectIdentifier($0) })
    let results = inputs.map { Tensor(zeros: [count] + $0.shape, dtype: $0.dtype) }
    graph.pull(seed: nil, keep: true)
    for low in stride(from: 0, to: count, by: tile) {
      let k = min(tile, count - low)
      placeTangents(inputs, vectors, low, k)
      graph.push(k)
      graph.pullTangents(k, keeping: wanted)
      for (input, result) in zip(inputs, results) where input.gradientTangent.ready {
        (result.pointer + low * input.byteCount)
          .copyMemory(from: input.gradientTangent.pointer, byteCount: k * input.byteCount)
      }
      graph.clearTangents()
    }
    return results
  }

  /// d'Hd of a scalar output, along one vector per leaf.
  public static func curvature(
    _ output: Tensor, along directions: [(leaf: Tensor, vector: Storage)]
  ) throws -> Double {
    var total = 0.0
    try product(output, along: directions) { i, product in
      let (leaf, vector) = directions[i]
      total += innerProduct(leaf.dtype.scalar, product, vector.pointer, leaf.count)
    }
    return total
  }

  /// H times one vector per leaf, for a scalar output: shows every leaf's part, by its place, where there is one. Sweep
  /// buffers that a program has planned are put back.
  public static func product(
    _ output: Tensor, along directions: [(leaf: Tensor, vector: Storage)],
    _ show: (Int, UnsafeMutableRawPointer) -> Void
  ) throws {
    let graph = try checkedGraph("curvature", output, nil)
    let planned = graph.nodes.map(\.gradient)
    for node in graph.nodes { node.gradient.clear() }
    defer {
      finish(graph, directions.map { $0.leaf })
      for (node, buffer) in zip(graph.nodes, planned) { node.gradient = buffer }
    }
    graph.pull(seed: nil, keep: true)
    for (leaf, vector) in directions {
      let (pointer, _) = leaf.tangent.receive(leaf.byteCount)
      pointer.copyMemory(from: vector.pointer, byteCount: leaf.byteCount)
    }
    graph.push(1)
    graph.pullTangents(1)
    for (i, (leaf, _)) in directions.enumerated() where leaf.gradientTangent.ready {
      show(i, leaf.gradientTangent.pointer)
    }
  }

  /// An input that the output does not depend on is outside the graph, and was given tangents all the same.
  private static func finish(_ graph: Graph, _ inputs: [Tensor]) {
    graph.clear()
    for input in inputs { input.tangent.clear() }
  }

  /// Tangents swept at once: more is faster per tangent up to here, and memory stays bounded.
  private static let tile = 16

  private static func placeTangents(_ inputs: [Tensor], _ stacks: [Tensor], _ low: Int, _ count: Int) {
    for (input, stack) in zip(inputs, stacks) {
      let (pointer, _) = input.tangent.receive(count * input.byteCount)
      pointer.copyMemory(from: stack.pointer + low * input.byteCount, byteCount: count * input.byteCount)
    }
  }

  private static func checkedGraph(_ name: String, _ output: Tensor, _ seed: Tensor?) throws -> Graph {
    guard output.requiresGrad else {
      throw Failure.value(
        "\(name): the output depends on no tensor that requires gradients; make one with requires_grad=True, and "
          + "compute outside no_grad")
    }
    if let seed {
      guard seed.shape == output.shape, seed.dtype == output.dtype else {
        throw Failure.shape(
          "\(name): seed must have the output's shape \(describe(output.shape)) and dtype \(output.dtype.name), got "
            + "\(describe(seed.shape)) and \(seed.dtype.name)")
      }
    } else if output.count != 1 {
      throw Failure.shape(
        "\(name): the output must be a scalar unless a seed is given, got shape \(describe(output.shape))")
    }
    let graph = Graph(output)
    try graph.checkVersions(name)
    return graph
  }

  private static func stackCount(_ name: String, _ what: String, _ inputs: [Tensor], _ stacks: [Tensor])
    throws -> Int
  {
    guard inputs.count == stacks.count, let first = stacks.first else {
      throw Failure.value(
        "\(name): needs one array of \(what) per input, got \(stacks.count) for \(inputs.count)")
    }
    guard let count = first.shape.first else {
      throw Failure.shape("\(name): \(what) must be [K, *shape], got a scalar")
    }
    var seen: Set<ObjectIdentifier> = []
    for (i, (input, stack)) in zip(inputs, stacks).enumerated() {
      guard seen.insert(ObjectIdentifier(input)).inserted else {
        throw Failure.value("\(name): input \(i) is given twice")
      }
      guard stack.shape == [count] + input.shape, stack.dtype == input.dtype else {
        throw Failure.shape(
          "\(name): \(what)[\(i)] must have shape \(Autodiff.describe([count] + input.shape)) and dtype "
            + "\(input.dtype.name), got \(Autodiff.describe(stack.shape)) and \(stack.dtype.name)")
      }
    }
    return count
  }
}
