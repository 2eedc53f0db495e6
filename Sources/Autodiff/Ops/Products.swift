import Kernels
import Vocabulary

/// How the matrices of a view lie: `offsets` to those of the batch.
private struct Layout {
  let row: Int
  let column: Int
  let offsets: [Int]
}

/// Batched matrix products a b (or a b'), as NumPy's matmul; one-dimensional operands are handled by the caller.
private struct MatmulForm: BilinearForm {
  let m: Int, n: Int, k: Int
  let transposeB: Bool
  /// Matrix offsets of a, b and the result for each member of the batch.
  let batch: [(a: Int, b: Int, out: Int)]
  let aCount: Int, bCount: Int, outCount: Int
  /// b is a single matrix: the batch of a is extra rows, and one tall product does it all.
  let sharedB: Bool
  /// Of values that are views.
  var aLayout: Layout?
  var bLayout: Layout?
  var finishes: Bool { true }

  func partial(
    _ target: Role, _ dtype: DType, _ a: Operand, _ b: Operand, _ out: UnsafeMutableRawPointer, _ stack: Int,
    _ accumulate: Bool, _ finish: GemmFinish
  ) {
    let type = dtype.scalar
    let size = dtype.byteCount
    let rows = sharedB ? m * max(1, batch.count) : m
    let places = sharedB ? single : batch
    if sharedB && batch.isEmpty { return zeroIfNeeded(target, type, out, stack, accumulate) }
    switch target {
    case .output:
      if sharedB && a.stacked && !b.stacked {
        gemm(type, stack * rows, n, k, left(a, 0, 0, size), right(b, 0, 0, size), out, accumulate, finish)
        return
      }
      forEach(stack, places, distinct: true, work: rows * n * k) { s, i, shared in
        gemm(
          type, rows, n, k, left(a, s, i, size), right(b, s, i, size),
          out + (s * outCount + places[i].out) * size, accumulate, finish, shared: shared)
      }
    case .left:  // ga = g b' (or g b)
      if sharedB && a.stacked && !b.stacked {
        gemm(
          type, stack * rows, k, n, result(a, 0, 0, size), right(b, 0, 0, size).transposed, out, accumulate,
          finish)
        return
      }
      if !sharedB { zeroIfNeeded(target, type, out, stack, accumulate) }
      forEach(stack, places, distinct: sharedB || aCount == batch.count * m * k, work: rows * n * k) {
        s, i, shared in
        gemm(
          type, rows, k, n, result(a, s, i, size), right(b, s, i, size).transposed,
          out + (s * aCount + places[i].a) * size, sharedB ? accumulate : true, finish, shared: shared)
      }
    case .right:  // gb = a' g (or g' a)
      if !sharedB { zeroIfNeeded(target, type, out, stack, accumulate) }
      forEach(stack, places, distinct: sharedB || bCount == batch.count * k * n, work: rows * n * k) {
        s, i, shared in
        let place = out + (s * bCount + places[i].b) * size
        let (g, x) = (result(a, s, i, size), left(b, s, i, size))
        if transposeB {
          gemm(
            type, n, k, rows, g.transposed, x, place, sharedB ? accumulate : true, finish, shared: shared)
        } else {
          gemm(
            type, k, n, rows, x.transposed, g, place, sharedB ? accumulate : true, finish, shared: shared)
        }
      }
    }
  }

  /// Matrix i of the batch of a's value or of tangent s of it; m x k.
  private func left(_ operand: Operand, _ s: Int, _ i: Int, _ size: Int) -> MatrixView {
    if operand.isView, let aLayout { return matrix(operand, aLayout, i, size) }
    let place = sharedB ? 0 : batch[i].a
    return MatrixView(at(operand, s, aCount, size) + place * size, row: k, column: 1)
  }

  /// The same of b, as k x n.
  private func right(_ operand: Operand, _ s: Int, _ i: Int, _ size: Int) -> MatrixView {
    if operand.isView, let bLayout {
      let view = matrix(operand, bLayout, i, size)
      return transposeB ? view.transposed : view
    }
    let place = sharedB ? 0 : batch[i].b
    return MatrixView(
      at(operand, s, bCount, size) + place * size, row: transposeB ? 1 : n, column: transposeB ? k : 1)
  }

  /// The same of the product's gradient.
  private func result(_ operand: Operand, _ s: Int, _ i: Int, _ size: Int) -> MatrixView {
    let place = sharedB ? 0 : batch[i].out
    return MatrixView(at(operand, s, outCount, size) + place * size, row: n, column: 1)
  }

  private func matrix(_ operand: Operand, _ layout: Layout, _ i: Int, _ size: Int) -> MatrixView {
    MatrixView(operand.pointer + layout.offsets[i] * size, row: layout.row, column: layout.column)
  }

  private typealias Place = (a: Int, b: Int, out: Int)

  /// Every member of the stack and the batch: many small products are shared out whole, a few large ones by parts.
  /// Members whose results are the same memory take their turns in order.
  private func forEach(
    _ stack: Int, _ places: [Place], distinct: Bool, work: Int, _ body: (Int, Int, _ shared: Bool) -> Void
  ) {
    let count = stack * places.count
    let whole = distinct && count > 1 && work < 1 << 20 && count * work > 1 << 18
    let blocks = whole ? min(count, 64) : 1
    func run(_ block: Int) {
      for index in (count * block / blocks)..<(count * (block + 1) / blocks) {
        body(index / places.count, index % places.count, !whole)
      }
    }
    if whole { ThreadPool.shared.run(blocks, run) } else { run(0) }
  }

  private func at(_ operand: Operand, _ s: Int, _ count: Int, _ size: Int) -> UnsafeRawPointer {
    operand.stacked ? operand.pointer + s * count * size : operand.pointer
  }

  private func zeroIfNeeded(
    _ target: Role, _ type: any Scalar.Type, _ out: UnsafeMutableRawPointer, _ stack: Int, _ accumulate: Bool
  ) {
    if accumulate { return }
    let count = target == .output ? outCount : target == .left ? aCount : bCount
    fill(type, out, stack * count, 0)
  }
}

/// The matrices of a batch as they lie in a view; nil where x is none.
private func layout(_ x: Tensor, _ batchShape: [Int]) -> Layout? {
  guard let strides = x.strides else { return nil }
  let count = batchShape.reduce(1, *)
  let places = contiguousStrides(batchShape)
  let missing = batchShape.count - (x.rank - 2)
  let offsets = (0..<count).map { flat in
    batchShape.indices.reduce(0) { offset, axis in
      guard axis >= missing, x.shape[axis - missing] > 1 else { return offset }
      return offset + flat / places[axis] % batchShape[axis] * strides[axis - missing]
    }
  }
  return Layout(row: strides[x.rank - 2], column: strides[x.rank - 1], offsets: offsets)
}

/// Whether a product reads the matrices of x as they lie: rows or columns without gaps.
private func isReadable(_ x: Tensor) -> Bool {
  guard let strides = x.strides else { return true }
  return strides[x.rank - 1] == 1 || strides[x.rank - 2] == 1
}

private func matmul(_ a: Tensor, _ b: Tensor, transposeB: Bool, bias: Tensor? = nil) throws -> Tensor {
  let b = isReadable(b) ? b : try dense(b)
  // One tall product of a copy is faster than one for each matrix of a view.
  let a = isReadable(a) && (a.rank == 2 || b.rank > 2) ? a : try dense(a)
  let (m, k) = (a.shape[a.rank - 2], a.shape[a.rank - 1])
  let (bk, n) =
    transposeB ? (b.shape[b.rank - 1], b.shape[b.rank - 2]) : (b.shape[b.rank - 2], b.shape[b.rank - 1])
  guard k == bk else {
    throw Failure.shape(
      "matmul: the inner sizes differ: \(describe(a.shape)) times \(describe(b.shape))\(transposeB ? " transposed" : "")"
    )
  }
  if a.rank == 2, b.rank == 2 {
    let form = MatmulForm(
      m: m, n: n, k: k, transposeB: transposeB, batch: single, aCount: m * k, bCount: k * n, outCount: m * n,
      sharedB: true, aLayout: layout(a, []), bLayout: layout(b, []))
    return try product([m, n], form, a, b, bias)
  }
  let batchShape = try broadcastShape("matmul", Array(a.shape.dropLast(2)), Array(b.shape.dropLast(2)))
  let strides = contiguousStrides(batchShape)
  let aStrides = broadcastStrides(Array(a.shape.dropLast(2)), to: batchShape)
  let bStrides = broadcastStrides(Array(b.shape.dropLast(2)), to: batchShape)
  let batch = (0..<batchShape.reduce(1, *)).map { flat in
    var (ai, bi) = (0, 0)
    for axis in batchShape.indices {
      let index = flat / strides[axis] % batchShape[axis]
      ai += index * aStrides[axis]
      bi += index * bStrides[axis]
    }
    return (a: ai * m * k, b: bi * k * n, out: flat * m * n)
  }
  let isSingle = b.rank == 2 || b.shape.dropLast(2).allSatisfy { $0 == 1 }
  // Rows of a view do not follow each other from matrix to matrix.
  let sharedB = isSingle && a.strides == nil && a.shape.dropLast(2).reduce(1, *) == batch.count
  let form = MatmulForm(
    m: m, n: n, k: k, transposeB: transposeB, batch: batch, aCount: a.count, bCount: b.count,
    outCount: batch.count * m * n, sharedB: sharedB, aLayout: layout(a, batchShape),
    bLayout: layout(b, batchShape))
  return try product(batchShape + [m, n], form, a, b, bias)
}

private let single = [(a: 0, b: 0, out: 0)]

private func product(_ shape: [Int], _ form: MatmulForm, _ a: Tensor, _ b: Tensor, _ bias: Tensor?) throws
  -> Tensor
{
  guard let bias else { return try BilinearOp(shape: shape, dtype: a.dtype, form: form).apply([a, b]) }
  return try BiasedBilinearOp(shape: shape, dtype: a.dtype, form: form).apply([a, b, bias])
}

let matmulOperation = Operation(
  "matmul", .bilinear, inputs: 2...2, arguments: ["transpose_b"],
  examples: [
    .init([[3, 4], [4, 5]]), .init([[3, 4], [5, 4]], ["transpose_b": .numbers([1])]),
    .init([[2, 3, 4], [4, 5]]),
    .init([[2, 3, 4], [2, 4, 5]]), .init([[3, 4], [2, 4, 5]]), .init([[4], [4, 5]]), .init([[3, 4], [4]]),
    .init([[4], [4]]), .init([[0, 4], [4, 5]]), .init([[3, 0], [0, 5]]), .init([[1, 1], [1, 1]]),
    .init([[2, 1, 3, 4], [5, 6, 4]], ["transpose_b": .numbers([1])]),
  ], readsViews: true
) { inputs, attributes in
  try requireFloating("matmul", inputs)
  let transposeB = try attributes.flag("transpose_b", default: false)
  var (a, b) = (inputs[0], inputs[1])
  guard a.rank >= 1, b.rank >= 1 else {
    throw Failure.shape(
      "matmul: scalars have no product of matrices; got \(describe(a.shape)) and \(describe(b.shape))")
  }
  let (vectorA, vectorB) = (a.rank == 1, b.rank == 1)
  if vectorA { a = try reshape(a, to: [1, a.count]) }
  if vectorB { b = try reshape(b, to: transposeB ? [1, b.count] : [b.count, 1]) }
  let result = try matmul(a, b, transposeB: transposeB)
  var shape = result.shape
  if vectorA { shape.remove(at: shape.count - 2) }
  if vectorB { shape.removeLast() }
  return try reshape(result, to: shape)
}

/// x w' + b, the bias added where the product is written.
let linearOperation = Operation(
  "linear", .bilinear, inputs: 3...3,
  examples: [
    .init([[3, 4], [5, 4], [5]]), .init([[2, 3, 4], [5, 4], [5]]), .init([[4], [5, 4], [5]]),
    .init([[0, 4], [5, 4], [5]]), .init([[3, 0], [5, 0], [5]]), .init([[3, 4], [0, 4], [0]]),
    .init([[1, 1], [1, 1], [1]]),
  ], readsViews: true
) { inputs, _ in
  try requireFloating("linear", inputs)
  let (x, w, b) = (inputs[0], inputs[1], inputs[2])
  guard x.rank >= 1, w.rank == 2, x.shape.last == w.shape[1], b.shape == [w.shape[0]] else {
    throw Failure.shape(
      "linear: x must be (..., in), the weight (out, in) and the bias (out,), got \(describe(x.shape)), "
        + "\(describe(w.shape)) and \(describe(b.shape))")
  }
  let rows = x.rank == 1 ? try reshape(x, to: [1, x.count]) : x
  let result = try matmul(rows, w, transposeB: true, bias: b)
  return x.rank == 1 ? try reshape(result, to: [w.shape[0]]) : result
}
