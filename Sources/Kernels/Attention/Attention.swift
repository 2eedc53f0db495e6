import CVector
import MicroKernels

/// softmax(scale q k' + mask) v for every member of a batch, and its derivatives. Of the scores and of all that has their
/// shape no more is in memory than some rows of a member, which are computed anew by each pass.
///
/// With S the scores, P their softmax, M the factors of dropout, A = P M and O = A v, for a gradient g of O:
///   dv = A' g,  dP = (g v') M,  dS = P (dP - <P, dP>),  dq = scale dS k,  dk = scale dS' q,
/// products of matrices of one shape being by elements, and <P, dP> the sum over a row. A tangent of q, k and v gives
///   S. = scale (q. k' + q k.'),  P. = P (S. - <P, S.>),  O. = (P. M) v + A v.,
/// and the tangents of the gradients follow by the product rule. After Dao et al., "FlashAttention" (2022); whole rows
/// need no running maximum.
///
/// Every sum depends on the shapes alone, so results have the same bits for any number of threads.
public struct Attention: Sendable {
  /// Where the matrices of the members begin, and how far their rows lie apart, in elements. Rows have no gaps.
  public struct Layout: Sendable {
    public let offsets: [Int]
    public let row: Int

    public init(offsets: [Int], row: Int) { (self.offsets, self.row) = (offsets, row) }
  }

  /// A matrix for each member.
  public struct Part {
    public let pointer: UnsafeMutableRawPointer
    public let layout: Layout

    public init(_ pointer: UnsafeMutableRawPointer, _ layout: Layout) {
      (self.pointer, self.layout) = (pointer, layout)
    }
  }

  /// Values, tangents or gradients of the inputs; nil: zero, or not wanted.
  public struct Parts {
    public var q: Part?
    public var k: Part?
    public var v: Part?
    /// The part that they are added to; else they overwrite it.
    public var accumulates = (q: false, k: false, v: false)

    public init(q: Part? = nil, k: Part? = nil, v: Part? = nil) { (self.q, self.k, self.v) = (q, k, v) }
  }

  public struct Inputs {
    public let q: Part
    public let k: Part
    public let v: Part
    /// Added to the scores.
    public let mask: Part?
    /// Draws what is dropped.
    public let generator: Philox

    public init(q: Part, k: Part, v: Part, mask: Part?, generator: Philox) {
      (self.q, self.k, self.v, self.mask, self.generator) = (q, k, v, mask, generator)
    }
  }

  public let members: Int
  public let rows: Int
  public let columns: Int
  public let width: Int
  public let valueWidth: Int
  public let scale: Double
  /// Row i sees the columns up to i.
  public let causal: Bool
  /// Rows that see nothing are 0, and not NaN.
  public let emptyIsZero: Bool
  /// Probability with which a weight is dropped.
  public let dropout: Double

  public init(
    members: Int, rows: Int, columns: Int, width: Int, valueWidth: Int, scale: Double, causal: Bool,
    emptyIsZero: Bool, dropout: Double
  ) {
    (self.members, self.rows, self.columns) = (members, rows, columns)
    (self.width, self.valueWidth, self.scale) = (width, valueWidth, scale)
    (self.causal, self.emptyIsZero, self.dropout) = (causal, emptyIsZero, dropout)
  }

  /// Rows of a block: few of few, so that a causal member leaves out what is not seen.
  fileprivate var height: Int { rows <= 128 ? 32 : 64 }
  private var blocks: Int { divideUp(rows, height) }

  /// out = O
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func run<T: Scalar>(_: T.Type, _ given: Inputs, _ out: Part) {
    ThreadPool.shared.run(members * blocks) { index in
      guard let block = Block<T>(self, given, index / blocks, index % blocks, rooms: 1) else { return }
      block.weights(block.room(0), dropped: block.room(0))
      block.multiply(block.room(0), times: given.v, to: out)
    }
  }

  /// out[i] (+)= O. of tangent i; `step` from one to the next, in bytes.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func push<T: Scalar>(
    _: T.Type, _ given: Inputs, _ count: Int, _ tangents: (Int) -> Parts, _ out: Part, step: Int,
    _ accumulate: Bool
  ) {
    ThreadPool.shared.run(members * blocks) { index in
      guard let block = Block<T>(self, given, index / blocks, index % blocks, rooms: 3) else { return }
      let (p, a, moved) = (block.room(0), block.dropped(1), block.room(2))
      block.weights(p, dropped: a)
      for i in 0..<count {
        let tangent = tangents(i)
        let to = Part(out.pointer + i * step, out.layout)
        var adds = accumulate
        if block.moveWeights(p, tangent, to: moved) {
          block.drop(moved, to: moved)
          block.multiply(moved, times: given.v, to: to, accumulate: adds)
          adds = true
        }
        if let v = tangent.v { block.multiply(a, times: v, to: to, accumulate: adds) }
      }
    }
  }

  /// gradients (+)= the pullback of g.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func pull<T: Scalar>(_: T.Type, _ given: Inputs, _ g: Part, _ gradients: Parts) {
    ThreadPool.shared.run(members) { member in
      // The last rows first: they see all columns.
      for index in stride(from: blocks - 1, through: 0, by: -1) {
        guard let block = Block<T>(self, given, member, index, rooms: 3) else { return }
        let (p, a, s) = (block.room(0), block.dropped(1), block.room(2))
        block.weights(p, dropped: a)
        let last = index == blocks - 1
        if let v = gradients.v {
          block.multiplyBack(
            a, rows: g, to: v, accumulate: gradients.accumulates.v || !last, width: valueWidth)
        }
        guard gradients.q != nil || gradients.k != nil else { continue }
        block.product(g, given.v, valueWidth, to: s)
        block.drop(s, to: s)
        block.pullScores(p, s)
        if let q = gradients.q {
          block.multiply(s, times: given.k, to: q, accumulate: gradients.accumulates.q, width: width)
        }
        if let k = gradients.k {
          block.multiplyBack(
            s, rows: given.q, to: k, accumulate: gradients.accumulates.k || !last, width: width)
        }
      }
    }
  }

  /// results(i) (+)= the tangent of that pullback along tangents(i) of the inputs and moved(i) of g.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func pullTangents<T: Scalar>(
    _: T.Type, _ given: Inputs, _ g: Part, _ count: Int, _ tangents: (Int) -> Parts, _ moved: (Int) -> Part?,
    _ results: (Int) -> Parts
  ) {
    ThreadPool.shared.run(members) { member in
      for index in stride(from: blocks - 1, through: 0, by: -1) {
        guard let block = Block<T>(self, given, member, index, rooms: 6) else { return }
        let (p, a, s) = (block.room(0), block.dropped(1), block.room(2))
        let (pMoved, aMoved, sMoved) = (block.room(3), block.room(4), block.room(5))
        block.weights(p, dropped: a)
        block.product(g, given.v, valueWidth, to: s)
        block.drop(s, to: s)
        let last = index == blocks - 1
        for i in 0..<count {
          let (tangent, gMoved, wanted) = (tangents(i), moved(i), results(i))
          let moves = block.moveWeights(p, tangent, to: pMoved)
          if !moves { block.clear(pMoved) }
          if let v = wanted.v {
            var adds = wanted.accumulates.v || !last
            if moves {
              block.drop(pMoved, to: aMoved)
              block.multiplyBack(
                dropout > 0 ? aMoved : pMoved, rows: g, to: v, accumulate: adds, width: valueWidth)
              adds = true
            }
            if let gMoved {
              block.multiplyBack(a, rows: gMoved, to: v, accumulate: adds, width: valueWidth)
              adds = true
            }
            if !adds { block.clear(v, valueWidth, columns) }
          }
          guard wanted.q != nil || wanted.k != nil else { continue }
          // The tangent of dP, and with it that of dS.
          if let gMoved { block.product(gMoved, given.v, valueWidth, to: sMoved) }
          if let v = tangent.v { block.product(g, v, valueWidth, to: sMoved, accumulate: gMoved != nil) }
          if gMoved == nil && tangent.v == nil { block.clear(sMoved) } else { block.drop(sMoved, to: sMoved) }
          block.pullMovedScores(p, s, pMoved, sMoved)
          if tangent.q != nil || tangent.k != nil { block.pullScores(p, s, to: aMoved) }
          if let q = wanted.q {
            block.multiply(sMoved, times: given.k, to: q, accumulate: wanted.accumulates.q, width: width)
            if let k = tangent.k { block.multiply(aMoved, times: k, to: q, accumulate: true, width: width) }
          }
          if let k = wanted.k {
            block.multiplyBack(
              sMoved, rows: given.q, to: k, accumulate: wanted.accumulates.k || !last, width: width)
            if let q = tangent.q {
              block.multiplyBack(aMoved, rows: q, to: k, accumulate: true, width: width)
            }
          }
        }
      }
    }
  }
}

/// Some rows of a member: matrices of [count, columns] in the thread's memory, and their products with others.
private struct Block<T: Scalar> {
  let attention: Attention
  let given: Attention.Inputs
  let member: Int
  let first: Int
  let count: Int
  /// Columns that any of the rows sees.
  let columns: Int
  /// How far rows of a matrix lie apart: whole vectors.
  private let step: Int
  /// Numbers of a matrix.
  private let size: Int
  private let memory: UnsafeMutablePointer<T>
  private let words: UnsafeMutablePointer<UInt32>
  private let shared: Bool

  typealias Matrix = UnsafeMutablePointer<T>

  @inline(__always)
  init?(_ attention: Attention, _ given: Attention.Inputs, _ member: Int, _ index: Int, rooms: Int) {
    (self.attention, self.given, self.member) = (attention, given, member)
    first = index * attention.height
    count = min(attention.height, attention.rows - first)
    columns = attention.causal ? min(attention.columns, first + count) : attention.columns
    step = divideUp(columns, T.Vector.width) * T.Vector.width
    size = attention.height * step
    let wordCount = attention.dropout > 0 ? attention.height * ((attention.columns + 31) / 32) : 0
    let bytes = rooms * size * MemoryLayout<T>.size
    guard let memory = cv_scratch(2, bytes + 4 * wordCount + 64) else { return nil }
    self.memory = memory.assumingMemoryBound(to: T.self)
    words = (memory + bytes).assumingMemoryBound(to: UInt32.self)
    shared = attention.members == 1
    if attention.dropout > 0 { draw() }
  }

  @inline(__always)
  func room(_ index: Int) -> Matrix { memory + index * size }

  /// Where what is left of the weights goes: they are the same where nothing is dropped.
  @inline(__always)
  func dropped(_ index: Int) -> Matrix { room(attention.dropout > 0 ? index : 0) }

  /// The choices of each row begin with a word of their own.
  private var rowWords: Int { (attention.columns + 31) / 32 }

  private func draw() {
    let p = attention.dropout
    let threshold = UInt32(min(4_294_967_295, (p * 4_294_967_296).rounded()))
    let start = (member * attention.rows + first) * rowWords
    var draw = cv_draw(
      bits: words, first: Int64(start), count: Int64(count * rowWords), stream: given.generator.stream,
      k0: given.generator.key.0, k1: given.generator.key.1, threshold: threshold)
    drawKernel(&draw)
  }

  private func at(_ part: Attention.Part, _ row: Int = 0) -> UnsafeMutableRawPointer {
    part.pointer + (part.layout.offsets[member] + row * part.layout.row) * MemoryLayout<T>.size
  }

  /// The rows of this block, and all columns that it sees, of an input.
  private func own(_ part: Attention.Part) -> MatrixView {
    MatrixView(at(part, first), row: part.layout.row, column: 1)
  }
  private func all(_ part: Attention.Part) -> MatrixView {
    MatrixView(at(part), row: part.layout.row, column: 1)
  }
  private func view(_ matrix: Matrix) -> MatrixView { MatrixView(matrix, row: step, column: 1) }

  /// out (+)= a b' for rows a of this block and all rows b of width numbers.
  func product(
    _ a: Attention.Part, _ b: Attention.Part, _ width: Int, to out: Matrix, accumulate: Bool = false
  ) {
    gemm(
      T.self, count, columns, width, own(a), all(b).transposed, out, accumulate, shared: shared,
      row: step)
  }

  /// Rows of `out` (+)= a columns.
  func multiply(
    _ a: Matrix, times part: Attention.Part, to out: Attention.Part, accumulate: Bool = false,
    width: Int? = nil
  ) {
    gemm(
      T.self, count, width ?? attention.valueWidth, columns, view(a), all(part), at(out, first), accumulate,
      shared: shared, row: out.layout.row)
  }

  /// out (+)= a' rows; the columns that nothing here sees are 0 where nothing is added to them.
  func multiplyBack(
    _ a: Matrix, rows: Attention.Part, to out: Attention.Part, accumulate: Bool, width: Int
  ) {
    gemm(
      T.self, columns, width, count, view(a).transposed, own(rows), at(out), accumulate, shared: shared,
      row: out.layout.row)
    if !accumulate { clear(out, width, attention.columns, from: columns) }
  }

  func clear(_ out: Attention.Part, _ width: Int, _ rows: Int, from: Int = 0) {
    for row in from..<max(from, rows) {
      let place = at(out, row).assumingMemoryBound(to: T.self)
      for i in 0..<width { place[i] = 0 }
    }
  }

  func clear(_ matrix: Matrix) { matrix.update(repeating: 0, count: count * step) }

  /// Columns that a row sees.
  private func limit(_ row: Int) -> Int { attention.causal ? min(columns, first + row + 1) : columns }

  /// p = softmax(scale q k' + mask), 0 where a row does not see and behind its end; dropped = p M.
  func weights(_ p: Matrix, dropped: Matrix) {
    product(given.q, given.k, attention.width, to: p)
    let maskRow = given.mask.map { at($0).assumingMemoryBound(to: T.self) }
    for row in 0..<count {
      let line = p + row * step
      let seen = limit(row)
      if let maskRow {
        addMask(line, UnsafePointer(maskRow + (first + row) * given.mask!.layout.row), seen)
        softmaxLine(line, 1, seen)
      } else {
        softmaxLine(line, attention.scale, seen)
      }
    }
    drop(p, to: dropped)
  }

  @inline(__always)
  private func addMask(_ line: Matrix, _ mask: UnsafePointer<T>, _ seen: Int) {
    let lanes = T.Vector.width
    let scale = T.Vector(attention.scale)
    var at = 0
    while at < seen {
      let n = min(lanes, seen &- at)
      (T.Vector.load(line + at) * scale + T.Vector.load(mask + at, count: n)).store(line + at)
      at &+= n
    }
  }

  @inline(__always)
  private func softmaxLine(_ line: Matrix, _ factor: Double, _ seen: Int) {
    let lanes = T.Vector.width
    let whole = seen / lanes * lanes
    let scale = T.Vector(factor)
    var tops = T.Vector(-.infinity)
    var at = 0
    while at < whole {
      let x = T.Vector.load(line + at) * scale
      x.store(line + at)
      tops = T.Vector.maximum(x, tops)
      at &+= lanes
    }
    var top = -T.infinity
    withUnsafeTemporaryAllocation(of: T.self, capacity: lanes) { values in
      let values = values.baseAddress!
      if whole < seen {
        // Lanes behind the end do not count.
        let x = T.Vector.load(line + whole) * scale
        x.store(line + whole)
        x.store(values)
        for lane in (seen &- whole)..<lanes { values[lane] = -T.infinity }
        tops = T.Vector.maximum(T.Vector.load(UnsafePointer(values)), tops)
      }
      tops.store(values)
      for lane in 0..<lanes where values[lane] > top { top = values[lane] }
    }
    if attention.emptyIsZero && top == -T.infinity {
      line.update(repeating: 0, count: step)
      return
    }
    let shift = T.Vector(Double(top))
    var total = 0.0
    at = 0
    while at < whole {
      // As many as may be added in their own precision.
      let end = min(whole, at &+ 2048)
      var sum = T.Vector(0)
      while at < end {
        let e = T.Vector.exp(T.Vector.load(line + at) - shift)
        e.store(line + at)
        sum = sum + e
        at &+= lanes
      }
      total += sum.sum()
    }
    if whole < seen {
      let e = T.Vector.exp(T.Vector.load(line + whole) - shift).first(seen &- whole)
      e.store(line + whole)
      total += e.sum()
      at &+= lanes
    }
    let share = T.Vector(1 / total)
    var scaled = 0
    while scaled < at {
      (T.Vector.load(line + scaled) * share).store(line + scaled)
      scaled &+= lanes
    }
    clearEnd(line, at)
  }

  /// The columns of a line from a whole vector on.
  @inline(__always)
  private func clearEnd(_ line: Matrix, _ from: Int) {
    var at = from
    while at < step {
      T.Vector(0).store(line + at)
      at &+= T.Vector.width
    }
  }

  /// to = from M
  func drop(_ from: Matrix, to: Matrix) {
    guard attention.dropout > 0 else { return }
    let lanes = T.Vector.width
    let factor = T.Vector(1 / (1 - attention.dropout))
    for row in 0..<count {
      let (from, to, bits) = (from + row * step, to + row * step, words + row * rowWords)
      var at = 0
      while at < step {
        (T.Vector.load(from + at) * factor).keeping(bits[at / 32] &>> UInt32(at % 32)).store(to + at)
        at &+= lanes
      }
    }
  }

  /// moved = the tangent of p; false where q and k do not move.
  func moveWeights(_ p: Matrix, _ tangent: Attention.Parts, to moved: Matrix) -> Bool {
    guard tangent.q != nil || tangent.k != nil else { return false }
    if let q = tangent.q { product(q, given.k, attention.width, to: moved) }
    if let k = tangent.k { product(given.q, k, attention.width, to: moved, accumulate: tangent.q != nil) }
    pullScores(p, moved)
    return true
  }

  /// s = scale p (s - <p, s>), which is what softmax does to tangents and gradients alike.
  func pullScores(_ p: Matrix, _ s: Matrix, to out: Matrix? = nil) {
    let lanes = T.Vector.width
    let scale = T.Vector(attention.scale)
    for row in 0..<count {
      let (p, s) = (UnsafePointer(p + row * step), UnsafePointer(s + row * step))
      let out = (out.map { $0 + row * step }) ?? UnsafeMutablePointer(mutating: s)
      let seen = limit(row)
      let mean = T.Vector(innerProductRange(p, s, 0, seen))
      var at = 0
      while at < seen {
        let made = T.Vector.load(p + at) * (T.Vector.load(s + at) - mean) * scale
        // Behind the end lies what no row may see, be it NaN.
        (at &+ lanes <= seen ? made : made.first(seen &- at)).store(out + at)
        at &+= lanes
      }
      clearEnd(out, at)
    }
  }

  /// The tangent of scale p (s - <p, s>) along those of p and s, in place of that of s.
  func pullMovedScores(_ p: Matrix, _ s: Matrix, _ pMoved: Matrix, _ sMoved: Matrix) {
    let lanes = T.Vector.width
    let scale = T.Vector(attention.scale)
    for row in 0..<count {
      let (p, s) = (UnsafePointer(p + row * step), UnsafePointer(s + row * step))
      let (pMoved, sMoved) = (UnsafePointer(pMoved + row * step), sMoved + row * step)
      let seen = limit(row)
      let mean = T.Vector(innerProductRange(p, s, 0, seen))
      let change = T.Vector(
        innerProductRange(pMoved, s, 0, seen) + innerProductRange(p, UnsafePointer(sMoved), 0, seen))
      var at = 0
      while at < seen {
        let left = T.Vector.load(pMoved + at) * (T.Vector.load(s + at) - mean)
        let right = T.Vector.load(p + at) * (T.Vector.load(sMoved + at) - change)
        let made = (left + right) * scale
        (at &+ lanes <= seen ? made : made.first(seen &- at)).store(sMoved + at)
        at &+= lanes
      }
      clearEnd(sMoved, at)
    }
  }
}
