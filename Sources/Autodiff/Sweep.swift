import CVector
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

  /// The graph of an output that a gradient can be taken of.
  static func checked(_ name: String, _ output: Tensor, _ seed: Tensor?) throws -> Graph {
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

  /// Derivatives of values that are no longer there would be wrong.
  func checkVersions(_ name: String) throws {
    for node in nodes where !node.versions.isEmpty {
      for (tensor, version) in zip(node.inputs + [node], node.versions)
      where tensor.storage.version != version {
        throw Failure(
          Context.isRecording ? .recording : .value,
          "\(name): a tensor of shape \(describe(tensor.shape)) that the output was computed from has changed "
            + "since, by assign, load_state_dict, an optimizer's step or a write to its memory, or was let go of by a "
            + "record of the loss; compute the output anew first")
      }
    }
  }

  /// The gradient at the output, from which all others follow.
  func begin(seed: Tensor?) throws {
    if let seed, !output.isLeaf {
      // Nothing adds to the gradient of an operation's output here: the seed is only read.
      output.gradient = SweepBuffer(storage: seed.storage, ready: true)
    } else {
      let (pointer, _) = try output.gradient.receive(output.byteCount)
      if let seed {
        pointer.copyMemory(from: seed.pointer, byteCount: output.byteCount)
      } else {
        fill(output.dtype.scalar, pointer, output.count, 1)
      }
    }
  }

  /// Leaves the tangent of the gradient on the inputs of a node, after the whole pull and push.
  func pullTangent(_ node: Tensor, _ count: Int, keep: Bool) throws {
    guard node.gradient.ready else { return }
    for (i, input) in node.inputs.enumerated() where input.requiresGrad {
      try node.op!.pullTangent(node.inputs, node, i, count)
    }
    try Refusal.check()
    if !keep { node.gradientTangent.clear() }
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

func pullThrough(_ node: Tensor) throws {
  guard node.gradient.ready else { return }
  try node.op!.preparePull(node.inputs, node)
  for (i, input) in node.inputs.enumerated() where input.requiresGrad {
    try node.op!.pull(node.inputs, node, i)
  }
  try Refusal.check()
}

func pushThrough(_ node: Tensor, _ count: Int) throws {
  try node.op!.push(node.inputs, node, count)
  try Refusal.check()
}

/// One sweep over a graph, or several that use the same gradients, in portions: who must look at other things in between
/// (whether the user wants it to end) asks for some seconds' worth. Until it is finished nothing has changed, and who
/// lets go of it earlier leaves the graph as it was.
public final class Sweep {
  public enum Kind: String, CaseIterable, Sendable {
    case backward
    case gradients
    case jvp
    case hvp
  }

  /// Tangents swept at once: more is faster per tangent up to here, and memory stays bounded.
  private static let tile = 16

  private let kind: Kind
  private let output: Tensor
  private let seed: Tensor?
  private let inputs: [Tensor]
  private let stacks: [Tensor]
  /// How many vectors are stacked.
  private let count: Int
  /// nil where there is nothing to sweep.
  private let graph: Graph?
  private let wanted: Set<ObjectIdentifier>
  private var claim: Claim?
  private var results: [Tensor?] = []
  /// Nodes passed so far, and in all.
  private var position = 0
  private let length: Int
  private var isFinished = false

  /// `seed`: the gradient at the output, 1 for a scalar. `inputs`: what derivatives are wanted of. `stacks`: one array of
  /// K tangents or vectors for each of them.
  public init(
    _ kind: Kind, _ output: Tensor, seed: Tensor? = nil, _ inputs: [Tensor] = [], _ stacks: [Tensor] = []
  )
    throws
  {
    (self.kind, self.output, self.inputs) = (kind, output, inputs)
    (self.seed, self.stacks) = (try seed?.dense(), try stacks.map { try $0.dense() })
    wanted = Set(inputs.map { ObjectIdentifier($0) })
    switch kind {
    case .backward:
      count = 0
      graph = try Graph.checked("backward", output, seed)
    case .gradients:
      count = 0
      graph = try Graph.checked("grad", output, seed)
    case .jvp:
      count = try Sweep.stackCount("jvp", "tangents", inputs, stacks)
      try checkRoom([count] + output.shape, output.dtype)
      let graph = output.requiresGrad ? Graph(output) : nil
      try graph?.checkVersions("jvp")
      self.graph = graph
    case .hvp:
      count = try Sweep.stackCount("hvp", "vectors", inputs, stacks)
      graph = try Graph.checked("hvp", output, nil)
    }
    let tiles = (count + Sweep.tile - 1) / Sweep.tile
    let nodes = graph?.nodes.count ?? 0
    length =
      switch kind {
      case .backward, .gradients: nodes
      case .jvp: graph == nil ? 0 : tiles * (nodes + 1)
      case .hvp: nodes + tiles * (2 * nodes + 1)
      }
  }

  deinit { abandon() }

  /// Goes on for some seconds; whether it is finished.
  public func advance(seconds: Double = .infinity) throws -> Bool {
    if isFinished { return true }
    let deadline = cv_seconds() + seconds
    if let graph, claim == nil {
      let members = Set((graph.nodes + graph.leaves).map { ObjectIdentifier($0) })
      let others = inputs.filter { !members.contains(ObjectIdentifier($0)) }
      claim = try Claim.take(kind.rawValue, graph.nodes + graph.leaves + others, seconds: seconds)
      if claim == nil { return false }
    }
    do {
      return try ForkGate.shared.pass {
        if position == 0 { try begin() }
        while position < length {
          try pass(position, graph!)
          position += 1
          if position < length, cv_seconds() >= deadline { return false }
        }
        try end()
        abandon()
        isFinished = true
        return true
      }
    } catch {
      abandon()
      throw error
    }
  }

  /// Of a finished sweep: gradients with respect to the inputs, nil where the output does not depend on one; J times
  /// the tangents, [K, shape of output]; or H times the vectors, [K, shape of inputs[i]].
  public var found: [Tensor?] { results }

  private func abandon() {
    guard claim != nil else { return }
    graph?.clear()
    for input in inputs { input.tangent.clear() }
    claim!.release()
    claim = nil
  }

  private func begin() throws {
    switch kind {
    case .backward, .gradients: break
    case .jvp: results = [try Tensor(zeros: [count] + output.shape, dtype: output.dtype)]
    case .hvp: results = try inputs.map { try Tensor(zeros: [count] + $0.shape, dtype: $0.dtype) }
    }
    if kind != .jvp { try graph!.begin(seed: seed) }
  }

  /// What is done at a position: gradients first, from the last node to the first; then, for each tile of vectors, its
  /// tangents forward, the tangents of gradients back, and the tile's part of the results.
  private func pass(_ position: Int, _ graph: Graph) throws {
    let nodes = graph.nodes
    var at = position
    if kind != .jvp {
      if at < nodes.count {
        let node = nodes[nodes.count - 1 - at]
        try pullThrough(node)
        if kind == .backward { node.gradient.clear() }
        return
      }
      at -= nodes.count
    }
    let passes = kind == .hvp ? 2 * nodes.count : nodes.count
    let low = at / (passes + 1) * Sweep.tile
    let k = min(Sweep.tile, count - low)
    at %= passes + 1
    if at == 0 { try placeTangents(low, k) }
    if at == passes {
      collect(low, k, graph)
    } else if at < nodes.count {
      try pushThrough(nodes[at], k)
    } else {
      let node = nodes[passes - 1 - at]
      try graph.pullTangent(node, k, keep: wanted.contains(ObjectIdentifier(node)))
    }
  }

  private func placeTangents(_ low: Int, _ count: Int) throws {
    for (input, stack) in zip(inputs, stacks) {
      let (pointer, _) = try input.tangent.receive(count * input.byteCount)
      pointer.copyMemory(from: stack.pointer + low * input.byteCount, byteCount: count * input.byteCount)
    }
  }

  private func collect(_ low: Int, _ k: Int, _ graph: Graph) {
    if kind == .jvp {
      keep(output.tangent, results[0]!, low, k, output.byteCount)
    } else {
      for (input, result) in zip(inputs, results) {
        keep(input.gradientTangent, result!, low, k, input.byteCount)
      }
    }
    graph.clearTangents()
  }

  private func keep(_ buffer: SweepBuffer, _ result: Tensor, _ low: Int, _ k: Int, _ bytes: Int) {
    guard buffer.ready else { return }
    (result.pointer + low * bytes).copyMemory(from: buffer.pointer, byteCount: k * bytes)
  }

  private func end() throws {
    switch kind {
    case .backward: addToGrads()
    case .gradients:
      results = try inputs.map { input in
        guard input.gradient.ready else { return nil }
        // What nobody else holds need not be copied: the sweep is over.
        let own = isKnownUniquelyReferenced(&input.gradient.storage)
        let storage = own ? input.gradient.storage! : try input.gradient.storage!.copy()
        return Tensor(shape: input.shape, dtype: input.dtype, storage: storage)
      }
    case .jvp, .hvp: break
    }
  }

  private func addToGrads() {
    for leaf in graph!.leaves where leaf.gradient.ready {
      let storage = leaf.gradient.storage!
      leaf.gradient.clear()
      if let grad = leaf.grad {
        addScaled(leaf.dtype.scalar, grad.pointer, storage.pointer, 1, grad.pointer, leaf.count)
      } else {
        leaf.grad = Tensor(shape: leaf.shape, dtype: leaf.dtype, storage: storage)
      }
    }
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

/// Derivatives of an output with respect to tensors it was computed from, in one go.
public enum Derivatives {
  /// Adds the gradient of `output` to `grad` of every leaf. `seed`: the gradient at the output, 1 for a scalar.
  public static func backward(_ output: Tensor, seed: Tensor?) throws {
    _ = try finish(Sweep(.backward, output, seed: seed))
  }

  /// Gradients with respect to given tensors, nil where the output does not depend on one; `grad` is left alone.
  public static func gradients(_ output: Tensor, seed: Tensor?, _ targets: [Tensor]) throws -> [Tensor?] {
    try finish(Sweep(.gradients, output, seed: seed, targets))
  }

  /// J times stacked tangents: `tangents[i]` is [K, shape of inputs[i]], the result [K, shape of output].
  public static func jvp(_ output: Tensor, _ inputs: [Tensor], _ tangents: [Tensor]) throws -> Tensor {
    try finish(Sweep(.jvp, output, inputs, tangents))[0]!
  }

  /// H times stacked vectors, exactly: `vectors[i]` is [K, shape of inputs[i]], and so are the results.
  public static func hvp(_ output: Tensor, _ inputs: [Tensor], _ vectors: [Tensor]) throws -> [Tensor] {
    try finish(Sweep(.hvp, output, inputs, vectors)).map { $0! }
  }

  private static func finish(_ sweep: Sweep) throws -> [Tensor?] {
    while !(try sweep.advance()) {}
    return sweep.found
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
    let graph = try Graph.checked("curvature", output, nil)
    let claim = try Claim.take("curvature", graph.nodes + graph.leaves + directions.map { $0.leaf })!
    let planned = graph.nodes.map(\.gradient)
    for node in graph.nodes { node.gradient.clear() }
    defer {
      graph.clear()
      for (leaf, _) in directions { leaf.tangent.clear() }
      for (node, buffer) in zip(graph.nodes, planned) { node.gradient = buffer }
      claim.release()
    }
    try graph.begin(seed: nil)
    for node in graph.nodes.reversed() { try pullThrough(node) }
    for (leaf, vector) in directions {
      let (pointer, _) = try leaf.tangent.receive(leaf.byteCount)
      pointer.copyMemory(from: vector.pointer, byteCount: leaf.byteCount)
    }
    for node in graph.nodes { try pushThrough(node, 1) }
    for node in graph.nodes.reversed() { try graph.pullTangent(node, 1, keep: false) }
    for (i, (leaf, _)) in directions.enumerated() where leaf.gradientTangent.ready {
      show(i, leaf.gradientTangent.pointer)
    }
  }
}
