import Vocabulary

/// Several vectors worked on as one job: blocks of fixed length, none of which lies in two vectors, so that what is summed
/// block by block does not depend on the threads.
public struct SharedBlocks {
  private let counts: [Int]
  /// The first block of each vector, and the number of all blocks at the end.
  private let firsts: [Int]
  private let owners: [Int32]
  private let elements: Int

  public init(_ counts: [Int]) {
    var firsts = [0]
    var owners: [Int32] = []
    firsts.reserveCapacity(counts.count + 1)
    for (i, count) in counts.enumerated() {
      let blocks = (count + blockLength - 1) / blockLength
      firsts.append(firsts[i] + blocks)
      for _ in 0..<blocks { owners.append(Int32(i)) }
    }
    self.counts = counts
    self.firsts = firsts
    self.owners = owners
    elements = counts.reduce(0, +)
  }

  /// Calls `body(vector, low, high)` for consecutive ranges that cover all vectors.
  public func run(_ body: (_ vector: Int, _ low: Int, _ high: Int) -> Void) {
    if elements < blockLength {
      for block in owners.indices { call(block, body) }
    } else {
      ThreadPool.shared.run(owners.count) { block in call(block, body) }
    }
  }

  /// The sum over each vector of what `body` returns for its ranges, added in their order.
  public func sums<Sum>(
    _ zero: Sum, add: (inout Sum, Sum) -> Void, _ body: (_ vector: Int, _ low: Int, _ high: Int) -> Sum
  ) -> [Sum] {
    var partials = [Sum](repeating: zero, count: owners.count)
    partials.withUnsafeMutableBufferPointer { buffer in
      nonisolated(unsafe) let places = buffer
      run { vector, low, high in
        places[firsts[vector] + low / blockLength] = body(vector, low, high)
      }
    }
    return counts.indices.map { vector in
      var total = zero
      for block in firsts[vector]..<firsts[vector + 1] { add(&total, partials[block]) }
      return total
    }
  }

  @inline(__always)
  private func call(_ block: Int, _ body: (Int, Int, Int) -> Void) {
    let vector = Int(owners[block])
    let low = (block - firsts[vector]) * blockLength
    body(vector, low, min(counts[vector], low + blockLength))
  }
}

/// |a|^2 of every vector, in double precision.
public func squaredNorms(_ vectors: [(dtype: DType, pointer: UnsafeRawPointer, count: Int)]) -> [Double] {
  SharedBlocks(vectors.map { $0.count }).sums(0, add: { $0 += $1 }) { i, low, high in
    let pointer = vectors[i].pointer
    if vectors[i].dtype == .float64 {
      let a = pointer.assumingMemoryBound(to: Double.self)
      return innerProductRange(a, a, low, high)
    }
    let a = pointer.assumingMemoryBound(to: Float.self)
    return innerProductRange(a, a, low, high)
  }
}
