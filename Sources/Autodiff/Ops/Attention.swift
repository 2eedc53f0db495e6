import Kernels
import Vocabulary

/// softmax(scale q k' + mask) v for each head of each member of a batch, fused; the derivatives are those of `Attention`.
private final class AttentionOp: Op {
  private typealias Layouts = [Attention.Layout]

  private let attention: Attention
  /// Where q, k and v are: of which input, and how many elements behind its first.
  private let places: [(input: Int, offset: Int)]
  /// Of q, k and v in values and in all that sweeps leave, which is row-major.
  private let values: Layouts
  private let dense: Layouts
  private let result: Attention.Layout
  private let mask: (input: Int, layout: Attention.Layout)?
  private let source: RandomStream?

  init(
    shape: [Int], dtype: DType, attention: Attention, places: [(input: Int, offset: Int)],
    values: [Attention.Layout], dense: [Attention.Layout], result: Attention.Layout,
    mask: (input: Int, layout: Attention.Layout)?
  ) {
    (self.attention, self.places, self.values, self.dense) = (attention, places, values, dense)
    (self.result, self.mask) = (result, mask)
    source = attention.dropout > 0 ? RandomStream() : nil
    super.init(shape: shape, dtype: dtype)
  }

  override var random: RandomStream? { source }
  override var readsOutput: Bool { false }
  private var isEmpty: Bool { attention.members * attention.rows * attention.columns == 0 }

  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {
    if isEmpty { return fill(dtype.scalar, output.pointer, output.count, 0) }
    attention.run(dtype.scalar, given(inputs), .init(output.pointer, result))
  }

  override func push(_ inputs: [Tensor], _ output: Tensor, _ count: Int) throws {
    guard places.contains(where: { inputs[$0.input].tangent.ready }) else { return }
    let (out, accumulate) = try output.tangent.receive(count * output.byteCount)
    if isEmpty { return clear(out, count * output.count, accumulate) }
    attention.push(
      dtype.scalar, given(inputs), count, { tangents(inputs, $0) }, .init(out, result),
      step: output.byteCount, accumulate)
  }

  override func pull(_ inputs: [Tensor], _ output: Tensor, _ index: Int) throws {
    // One pass serves all inputs, and comes with the first of them that a sweep asks for.
    guard inputs.firstIndex(where: \.requiresGrad) == index else { return }
    try collect(inputs, 1, { input, bytes in try input.gradient.receive(bytes) }) { parts in
      attention.pull(dtype.scalar, given(inputs), .init(output.gradient.pointer, result), parts(0))
    }
  }

  override func pullTangent(_ inputs: [Tensor], _ output: Tensor, _ index: Int, _ count: Int) throws {
    guard inputs.firstIndex(where: \.requiresGrad) == index else { return }
    let moving = places.contains { inputs[$0.input].tangent.ready }
    guard moving || output.gradientTangent.ready else { return }
    let moved = output.gradientTangent.ready ? output.gradientTangent.pointer : nil
    try collect(inputs, count, { input, bytes in try input.gradientTangent.receive(bytes) }) { parts in
      attention.pullTangents(
        dtype.scalar, given(inputs), .init(output.gradient.pointer, result), count,
        { tangents(inputs, $0) }, { i in moved.map { .init($0 + i * output.byteCount, result) } }, parts)
    }
  }

  /// Calls `body` with the places of `count` results for q, k and v: those that `receive` gives, or, for an input that is
  /// given more than once, memory that is added to them after.
  private func collect(
    _ inputs: [Tensor], _ count: Int,
    _ receive: (Tensor, Int) throws -> (pointer: UnsafeMutableRawPointer, accumulate: Bool),
    _ body: ((Int) -> Attention.Parts) -> Void
  ) throws {
    var targets: [(pointer: UnsafeMutableRawPointer, accumulate: Bool)?] = []
    var later: [(storage: Storage, target: UnsafeMutableRawPointer, count: Int)] = []
    for (i, input) in inputs.enumerated() {
      guard input.requiresGrad else {
        targets.append(nil)
        continue
      }
      let first = inputs.firstIndex { $0 === input }!
      if first < i {
        let storage = try Storage(byteCount: count * input.byteCount)
        later.append((storage, targets[first]!.pointer, count * input.count))
        targets.append((storage.pointer, false))
      } else {
        targets.append(try receive(input, count * input.byteCount))
      }
    }
    if isEmpty {
      for (input, target) in zip(inputs, targets) {
        if let target { clear(target.pointer, count * input.count, target.accumulate) }
      }
    } else {
      body { i in
        var parts = Attention.Parts()
        func part(_ which: Int) -> Attention.Part? {
          let place = places[which]
          guard let target = targets[place.input] else { return nil }
          let start = i * inputs[place.input].byteCount + place.offset * dtype.byteCount
          return .init(target.pointer + start, dense[which])
        }
        (parts.q, parts.k, parts.v) = (part(0), part(1), part(2))
        func adds(_ which: Int) -> Bool { targets[places[which].input]?.accumulate ?? false }
        parts.accumulates = (adds(0), adds(1), adds(2))
        return parts
      }
    }
    for (storage, target, count) in later {
      addScaled(dtype.scalar, target, storage.pointer, 1, target, count)
    }
  }

  private func clear(_ out: UnsafeMutableRawPointer, _ count: Int, _ accumulate: Bool) {
    if !accumulate { fill(dtype.scalar, out, count, 0) }
  }

  private func given(_ inputs: [Tensor]) -> Attention.Inputs {
    func part(_ which: Int) -> Attention.Part {
      let place = places[which]
      return .init(inputs[place.input].pointer + place.offset * dtype.byteCount, values[which])
    }
    return .init(
      q: part(0), k: part(1), v: part(2),
      mask: mask.map { .init(inputs[$0.input].pointer, $0.layout) },
      generator: Philox(seed: source?.seed ?? 0, stream: source?.stream ?? 0))
  }

  private func tangents(_ inputs: [Tensor], _ i: Int) -> Attention.Parts {
    func part(_ which: Int) -> Attention.Part? {
      let place = places[which]
      let input = inputs[place.input]
      guard input.tangent.ready else { return nil }
      let start = i * input.byteCount + place.offset * dtype.byteCount
      return .init(input.tangent.pointer + start, dense[which])
    }
    return .init(q: part(0), k: part(1), v: part(2))
  }
}

/// The matrices [rows, heads width] of x, head by head, `strides` apart.
private func layout(_ x: Tensor, heads: Int, width: Int, strides: [Int]?) -> Attention.Layout {
  let lead = Array(x.shape.dropLast(2))
  let strides = strides ?? contiguousStrides(x.shape)
  let places = contiguousStrides(lead)
  let offsets = (0..<lead.reduce(1, *)).flatMap { flat in
    let start = lead.indices.reduce(0) { $0 + flat / places[$1] % lead[$1] * strides[$1] }
    return (0..<heads).map { start + $0 * width }
  }
  return .init(offsets: offsets, row: strides[x.rank - 2])
}

/// A mask as the scores' shape reads it; its last axis must be theirs.
private func maskLayout(_ mask: Tensor, _ scores: [Int]) -> Attention.Layout {
  let strides = broadcastStrides(mask.shape, to: scores)
  let lead = Array(scores.dropLast(2))
  let places = contiguousStrides(lead)
  let offsets = (0..<lead.reduce(1, *)).map { flat in
    lead.indices.reduce(0) { $0 + flat / places[$1] % lead[$1] * strides[$1] }
  }
  return .init(offsets: offsets, row: strides[scores.count - 2])
}

/// Attention of q [..., L, heads d] to k [..., S, heads d] and v [..., S, heads e], or of one tensor [..., L, heads 3 d]
/// that holds them beside each other; the result is [..., L, heads e]. A mask, which follows, is added to the scores
/// [..., heads, L, S], or [..., L, S] where `heads` is not given; it carries no gradient.
let attentionOperation = Operation(
  "attention", .fused, inputs: 1...4,
  arguments: ["heads", "scale", "causal", "empty_is_zero", "p"],
  examples: [
    .init([[2, 3, 4], [2, 5, 4], [2, 5, 3]]),
    .init([[3, 4], [5, 4], [5, 6]], ["heads": .numbers([2]), "scale": .numbers([0.7])]),
    .init([[2, 5, 12]], ["heads": .numbers([2]), "causal": .numbers([1])]),
    .init([[2, 2, 37, 3], [2, 2, 37, 3], [2, 2, 37, 2]], ["causal": .numbers([1])]),
    .init([[35, 2], [34, 2], [34, 2]], ["causal": .numbers([1]), "p": .numbers([0.3])]),
    .init([[4, 2], [7, 2], [7, 2]], ["causal": .numbers([1])]),
    .init([[2, 3, 6]], ["p": .numbers([0.4])]),
    .init([[0, 3, 6]]), .init([[3, 2], [0, 2], [0, 4]]), .init([[1, 3]]), .init([[3, 0], [2, 0], [2, 2]]),
  ], readsViews: true
) { inputs, attributes in
  try requireFloating("attention", inputs)
  let packed = inputs.count <= 2
  let heads = try attributes.integer("heads", default: 1)
  let p = try attributes.number("p", default: 0)
  guard p >= 0, p < 1 else { throw Failure.value("attention: p must be at least 0 and below 1, got \(p)") }
  func readable(_ x: Tensor) throws -> Tensor { x.strides.map { $0.last == 1 } ?? true ? x : try dense(x) }
  var inputs = try inputs.map(readable)
  let (q, k, v) = packed ? (inputs[0], inputs[0], inputs[0]) : (inputs[0], inputs[1], inputs[2])
  func refuse() -> Failure {
    .shape(
      "attention: takes q (..., L, heads d), k (..., S, heads d) and v (..., S, heads e), or all three beside each other, "
        + "of \(heads) heads, got " + inputs.map { describe($0.shape) }.joined(separator: ", "))
  }
  guard heads >= 1, q.rank >= 2, k.rank == q.rank, v.rank == q.rank,
    q.shape.dropLast(2) == k.shape.dropLast(2), k.shape.dropLast() == v.shape.dropLast()
  else { throw refuse() }
  let parts = packed ? 3 : 1
  guard q.shape.last! % (parts * heads) == 0, v.shape.last! % (parts * heads) == 0,
    k.shape.last == q.shape.last
  else { throw refuse() }
  let (width, valueWidth) = (q.shape.last! / parts / heads, v.shape.last! / parts / heads)
  let (rows, columns) = (q.shape[q.rank - 2], k.shape[k.rank - 2])
  let lead = Array(q.shape.dropLast(2))

  var mask: (input: Int, layout: Attention.Layout)?
  if inputs.count % 2 == 0 {
    let last = inputs.count - 1
    guard !inputs[last].requiresGrad || !Context.gradientsEnabled else {
      throw Failure.value("attention: the mask carries no gradient, and this one requires one")
    }
    let scores = lead + (attributes.has("heads") ? [heads, rows, columns] : [rows, columns])
    var given = try dense(inputs[last])
    guard try broadcastShape("attention", given.shape, scores) == scores else { throw refuse() }
    if given.rank == 0 || given.shape.last != columns {
      given = try broadcast(given, to: Array(given.shape.dropLast()) + [columns])
    }
    inputs[last] = given
    mask = (last, maskLayout(given, scores))
  }
  let attention = Attention(
    members: lead.reduce(1, *) * heads, rows: rows, columns: columns, width: width, valueWidth: valueWidth,
    scale: try attributes.number("scale", default: 1 / Double(max(1, width)).squareRoot()),
    causal: try attributes.flag("causal", default: false),
    emptyIsZero: try attributes.flag("empty_is_zero", default: false), dropout: p)
  let shape = lead + [rows, heads * valueWidth]
  let offsets = packed ? [0, heads * width, 2 * heads * width] : [0, 0, 0]
  let tensors = [(q, width), (k, width), (v, valueWidth)]
  return try AttentionOp(
    shape: shape, dtype: q.dtype, attention: attention,
    places: (0..<3).map { (packed ? 0 : $0, offsets[$0]) },
    values: tensors.map { layout($0, heads: heads, width: $1, strides: $0.strides) },
    dense: tensors.map { layout($0, heads: heads, width: $1, strides: nil) },
    result: resultLayout(shape, heads, valueWidth), mask: mask
  ).apply(inputs)
}

private func resultLayout(_ shape: [Int], _ heads: Int, _ width: Int) -> Attention.Layout {
  let (rows, row) = (shape[shape.count - 2], shape[shape.count - 1])
  let members = shape.dropLast(2).reduce(1, *)
  return .init(
    offsets: (0..<members).flatMap { member in (0..<heads).map { member * rows * row + $0 * width } },
    row: row)
}
