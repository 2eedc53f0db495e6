import Kernels

/// Hessian-vector products of a recorded loss at the point of its last forward and backward run, for stacks of vectors.
///
/// The program keeps every gradient of its graph from then on; a tangent for each of `width` vectors and each node, and
/// room for the gradients' tangents, are there from the start, so that a product allocates nothing.
public final class TangentReplay {
  public let program: Program
  public let width: Int

  public init(_ program: Program, width: Int) {
    self.program = program
    self.width = width
    for node in program.nodes {
      // Gradients shared by nodes that are alive at different times in a backward run alone.
      node.gradient = SweepBuffer(storage: Storage(byteCount: node.byteCount))
      node.tangent.storage = Storage(byteCount: width * node.byteCount)
    }
    planGradientTangents()
  }

  /// What lies on a node is dead once it has been pulled through: its memory goes to a later one.
  private func planGradientTangents() {
    var free: [Int: [Storage]] = [:]
    func place(_ tensor: Tensor) {
      guard tensor.gradientTangent.storage == nil, !tensor.isLeaf else { return }
      let reused = free[tensor.byteCount]?.popLast()
      tensor.gradientTangent.storage = reused ?? Storage(byteCount: width * tensor.byteCount)
    }
    for node in program.nodes.reversed() {
      place(node)
      for input in node.inputs where input.requiresGrad { place(input) }
      free[node.byteCount, default: []].append(node.gradientTangent.storage!)
    }
  }

  /// products[i][k] = H vectors[i][k] for the i-th leaf of the program and k < count <= width. A leaf without vectors is
  /// held fixed; its product is not wanted.
  public func multiply(_ count: Int, _ vectors: [Storage?], into products: [Storage?]) {
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
    for node in program.nodes.dropLast() { node.op!.push(node.inputs, node, count) }
    for node in program.nodes.reversed() where node.gradient.ready {
      for (i, input) in node.inputs.enumerated() where input.requiresGrad {
        node.op!.pullTangent(node.inputs, node, i, count)
      }
    }
    for (leaf, product) in zip(program.leaves, products) {
      if let product, !leaf.gradientTangent.ready {
        fill(leaf.dtype.scalar, product.pointer, count * leaf.count, 0)
      }
      leaf.tangent.clear()
      leaf.gradientTangent.clear()
    }
  }
}
