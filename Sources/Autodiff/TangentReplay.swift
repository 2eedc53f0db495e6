import Kernels

/// Products of a recorded loss's curvature at the point of its last forward and backward run with stacks of vectors.
///
/// The curvature is the Hessian, or the generalized Gauss-Newton matrix J' H J: J of the program's outputs beside the
/// loss, which are those of the network, and H of the loss in them (Schraudolph, "Fast curvature matrix-vector products
/// for second-order gradient descent", 2002). What the loss makes of a parameter directly, a penalty, counts as well.
///
/// The program keeps every gradient of its graph from then on; a tangent for each of `width` vectors and each node, and
/// room for the gradients' tangents, are there from the start, so that a product allocates nothing.
public final class TangentReplay {
  public enum Curvature: String, CaseIterable {
    case hessian
    case gaussNewton = "gauss_newton"
  }

  public let program: Program
  public let width: Int
  private let uses: GraphUses
  /// The nodes through which tangents are only pulled back, as if they were linear.
  private let linearized: Set<ObjectIdentifier>

  public init(_ program: Program, width: Int, _ curvature: Curvature = .hessian) throws {
    self.program = program
    self.width = width
    linearized = curvature == .hessian ? [] : Self.ancestors(program.outputs.dropFirst())
    uses = GraphUses(program.nodes)
    // Second derivatives read the values after the gradients.
    try program.keepValues()
    for node in program.nodes { node.gradientTangent.clear() }
    try planGradients()
    try planTangents()
    try planGradientTangents()
  }

  /// The nodes that `outputs` are computed by, themselves among them.
  private static func ancestors(_ outputs: some Sequence<Tensor>) -> Set<ObjectIdentifier> {
    var found: Set<ObjectIdentifier> = []
    var open = Array(outputs)
    while let node = open.popLast() {
      if found.insert(ObjectIdentifier(node)).inserted { open += node.inputs }
    }
    return found
  }

  /// A backward run alone shares memory among gradients that live at different times; here all are kept.
  private func planGradients() throws {
    for node in program.nodes {
      let shared = uses.forerunner(node)?.gradient.storage
      node.gradient = SweepBuffer(storage: try shared ?? Storage(zeroed: node.byteCount))
    }
  }

  /// The tangent of a node that only linear operations use is dead once the last of them has been pushed through.
  private func planTangents() throws {
    var free: [Int: [Storage]] = [:]
    for node in program.nodes {
      let forerunner = uses.forerunner(node)
      let reused = forerunner?.tangent.storage ?? free[node.byteCount]?.popLast()
      node.tangent = SweepBuffer(storage: try reused ?? Storage(zeroed: width * node.byteCount))
      for input in node.inputs where input !== forerunner && !input.isLeaf {
        guard let users = uses.consumers[ObjectIdentifier(input)], users.last === node else { continue }
        guard users.allSatisfy({ $0.op is LinearOp }), node.inputs.count(where: { $0 === input }) == 1 else {
          continue
        }
        free[input.byteCount, default: []].append(input.tangent.storage!)
      }
    }
  }

  /// What lies on a node is dead once it has been pulled through: its memory goes to a later one.
  private func planGradientTangents() throws {
    var free: [Int: [Storage]] = [:]
    func place(_ tensor: Tensor) throws {
      guard tensor.gradientTangent.storage == nil, !tensor.isLeaf else { return }
      let reused = free[tensor.byteCount]?.popLast()
      tensor.gradientTangent.storage = try reused ?? Storage(zeroed: width * tensor.byteCount)
    }
    for node in program.nodes.reversed() {
      try place(node)
      let forerunner = uses.forerunner(node)
      forerunner?.gradientTangent.storage = node.gradientTangent.storage
      for input in node.inputs where input.requiresGrad { try place(input) }
      if forerunner == nil { free[node.byteCount, default: []].append(node.gradientTangent.storage!) }
    }
  }

  /// products[i][k] = the curvature times vectors[i][k] for the i-th leaf of the program and k < count <= width. A leaf without vectors is
  /// held fixed; its product is not wanted.
  public func multiply(_ count: Int, _ vectors: [Storage?], into products: [Storage?]) throws {
    precondition(
      count <= width && vectors.count == program.leaves.count && products.count == vectors.count)
    for (leaf, (vector, product)) in zip(program.leaves, zip(vectors, products)) {
      leaf.tangent = SweepBuffer(storage: vector, ready: vector != nil)
      leaf.gradientTangent = SweepBuffer(storage: product)
    }
    for node in program.nodes {
      node.tangent.ready = false
      node.gradientTangent.ready = false
    }
    // Nothing reads the tangent of the loss.
    for node in program.nodes.dropLast() { try pushThrough(node, count) }
    for node in program.nodes.reversed() where node.gradient.ready {
      try pull(node, count)
    }
    for (leaf, product) in zip(program.leaves, products) {
      if let product, !leaf.gradientTangent.ready {
        fill(leaf.dtype.scalar, product.pointer, count * leaf.count, 0)
      }
      leaf.tangent.clear()
      leaf.gradientTangent.clear()
    }
  }

  private func pull(_ node: Tensor, _ count: Int) throws {
    let isLinearized = linearized.contains(ObjectIdentifier(node))
    // An operation whose inputs do not move has nothing to add to the pullback.
    let moving = isLinearized ? node.inputs.filter { $0.tangent.ready } : []
    for input in moving { input.tangent.ready = false }
    for (i, input) in node.inputs.enumerated() where input.requiresGrad {
      try node.op!.pullTangent(node.inputs, node, i, count)
    }
    try Refusal.check()
    for input in moving { input.tangent.ready = true }
  }
}
