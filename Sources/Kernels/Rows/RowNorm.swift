/// Passes over the rows of arrays [rows, width] that layer normalization and its derivatives are made of. A row stays
/// in the cache from its sums to its results, so that each array is read or written once.
///
/// With the row's mean m and s = (variance + eps)^(-1/2), h = s (x - m) is its normalized form; both are kept for each row.
/// Where rows are not centered m is 0, and s the same of the mean square; all that holds of h then holds without means.
public struct RowNorm {
  public let rows: Int
  public let width: Int
  public let isCentered: Bool
  private let moments: Storage

  public init(rows: Int, width: Int, isCentered: Bool = true) throws {
    (self.rows, self.width, self.isCentered) = (rows, width, isCentered)
    moments = try Storage(byteCount: max(1, rows) * MemoryLayout<RowMoments>.stride)
  }

  var rowMoments: UnsafeMutablePointer<RowMoments> {
    moments.pointer.assumingMemoryBound(to: RowMoments.self)
  }

  /// Rows whose sums for each column are formed in the arrays' own precision.
  var rowsInBlock: Int { min(256, max(blockLength / max(1, width), (rows + 127) / 128, 1)) }
}

struct RowMoments {
  var mean: Double
  var scale: Double
}

/// Part of a row: a vector, or the lanes that are left at its end.
private struct Piece<T: Scalar> {
  let at: Int
  let lanes: Int

  @inline(__always)
  init(_ at: Int, _ lanes: Int) { (self.at, self.lanes) = (at, lanes) }
  @inline(__always)
  func load(_ p: UnsafePointer<T>) -> T.Vector {
    lanes == T.Vector.width ? .load(p + at) : .load(p + at, count: lanes)
  }
  @inline(__always)
  func store(_ value: T.Vector, _ p: UnsafeMutablePointer<T>) {
    if lanes == T.Vector.width { value.store(p + at) } else { value.store(p + at, count: lanes) }
  }
  /// Lanes past the end of the row count as zero.
  @inline(__always)
  func add(_ value: T.Vector, _ p: UnsafeMutablePointer<T>) { store(load(UnsafePointer(p)) + value, p) }

  @inline(__always)
  static func forEach(_ width: Int, _ body: (Piece) -> Void) {
    var at = 0
    while at &+ T.Vector.width <= width {
      body(Piece(at, T.Vector.width))
      at &+= T.Vector.width
    }
    if at < width { body(Piece(at, width &- at)) }
  }
}

/// Elements that are summed in their own precision, in every lane a few dozens.
private let summedTogether = 2048

/// Sums along a row of two functions of its parts, which must be zero in the lanes past its end. Functions that are always
/// inlined keep to registers; closures called in several places are not, and pass vectors through memory.
@inline(__always)
private func rowSums<T: Scalar>(
  _: T.Type, _ width: Int, _ values: (Piece<T>) -> (T.Vector, T.Vector)
) -> (Double, Double) {
  var (first, second) = (0.0, 0.0)
  var at = 0
  while at < width {
    let high = min(width, at &+ summedTogether)
    var (a0, a1, b0, b1) = (T.Vector(0), T.Vector(0), T.Vector(0), T.Vector(0))
    // Two sums of each, since an addition waits for the one before.
    while at &+ 2 &* T.Vector.width <= high {
      let (u, v) = values(Piece(at, T.Vector.width))
      let (x, y) = values(Piece(at &+ T.Vector.width, T.Vector.width))
      (a0, b0, a1, b1) = (a0 + u, b0 + v, a1 + x, b1 + y)
      at &+= 2 &* T.Vector.width
    }
    while at < high {
      let lanes = min(T.Vector.width, high &- at)
      let (u, v) = values(Piece(at, lanes))
      (a0, b0) = (a0 + u, b0 + v)
      at &+= lanes
    }
    first += (a0 + a1).sum()
    second += (b0 + b1).sum()
  }
  return (first, second)
}

extension RowNorm {
  /// y = w h + b, b being 0 where there is none.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func normalize<T: Scalar>(
    _: T.Type, _ x: UnsafeRawPointer, weight: UnsafeRawPointer, bias: UnsafeRawPointer?, eps: Double,
    _ y: UnsafeMutableRawPointer
  ) {
    let x = x.assumingMemoryBound(to: T.self)
    let w = weight.assumingMemoryBound(to: T.self)
    let b = bias?.assumingMemoryBound(to: T.self)
    let y = y.assumingMemoryBound(to: T.self)
    let (width, moments, isCentered) = (width, rowMoments, isCentered)
    parallelRanges(rows, length: max(1, blockLength / max(1, width))) { low, high in
      for row in low..<high {
        let (x, y) = (x + row &* width, y + row &* width)
        let mean =
          isCentered ? rowSums(T.self, width) { ($0.load(x), T.Vector(0)) }.0 / Double(width) : 0
        let center = T.Vector(mean)
        // sum x^2 - n m^2 would cancel.
        @inline(__always)
        func square(_ piece: Piece<T>) -> (T.Vector, T.Vector) {
          let distance = piece.distance(x, center)
          return (distance * distance, T.Vector(0))
        }
        let squares = rowSums(T.self, width, square).0
        let scale = 1 / (squares / Double(width) + eps).squareRoot()
        moments[row] = RowMoments(mean: mean, scale: scale)
        let factor = T.Vector(scale)
        Piece<T>.forEach(width) { piece in
          let h = (piece.load(x) - center) * factor
          piece.store(h.fused(times: piece.load(w), plus: b.map { piece.load($0) } ?? T.Vector(0)), y)
        }
      }
    }
  }

  /// dy (+)= dw h + w dh + db; what is nil does not move.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func tangent<T: Scalar>(
    _: T.Type, _ x: UnsafeRawPointer, weight: UnsafeRawPointer, dx: UnsafeRawPointer?, dw: UnsafeRawPointer?,
    db: UnsafeRawPointer?, _ out: UnsafeMutableRawPointer, _ accumulate: Bool
  ) {
    let x = x.assumingMemoryBound(to: T.self)
    let w = weight.assumingMemoryBound(to: T.self)
    let dx = dx?.assumingMemoryBound(to: T.self)
    let dw = dw?.assumingMemoryBound(to: T.self)
    let db = db?.assumingMemoryBound(to: T.self)
    let out = out.assumingMemoryBound(to: T.self)
    let (width, moments, isCentered) = (width, rowMoments, isCentered)
    parallelRanges(rows, length: max(1, blockLength / max(1, width))) { low, high in
      for row in low..<high {
        let start = row &* width
        let (x, out) = (x + start, out + start)
        let motion = RowMotion<T>(x, dx.map { $0 + start }, width, moments[row], isCentered)
        Piece<T>.forEach(width) { piece in
          let h = motion.normalized(piece, x)
          var total = db.map { piece.load($0) } ?? T.Vector(0)
          if let dw { total = h.fused(times: piece.load(dw), plus: total) }
          if motion.dx != nil { total = motion.tangent(piece, h).fused(times: piece.load(w), plus: total) }
          if accumulate { piece.add(total, out) } else { piece.store(total, out) }
        }
      }
    }
  }
}

extension Piece {
  /// x - center, and zero past the end of the row.
  @inline(__always)
  func distance(_ x: UnsafePointer<T>, _ center: T.Vector) -> T.Vector {
    if lanes == T.Vector.width { return load(x) - center }
    return load(x) - center.first(lanes)
  }
}

/// How a row's normalized form moves with dx: dh = s (dx - mean dx) - q h, q = s mean(h dx).
private struct RowMotion<T: Scalar> {
  let dx: UnsafePointer<T>?
  let moments: RowMoments
  let isCentered: Bool
  private(set) var mean = 0.0
  private(set) var q = 0.0

  @inline(__always)
  init(
    _ x: UnsafePointer<T>, _ dx: UnsafePointer<T>?, _ width: Int, _ moments: RowMoments, _ isCentered: Bool
  ) {
    (self.dx, self.moments, self.isCentered) = (dx, moments, isCentered)
    guard let dx else { return }
    let center = T.Vector(moments.mean)
    @inline(__always)
    func products(_ piece: Piece<T>) -> (T.Vector, T.Vector) {
      let d = piece.load(dx)
      return (d, d * piece.distance(x, center))
    }
    let (sum, product) = rowSums(T.self, width, products)
    mean = isCentered ? sum / Double(width) : 0
    q = moments.scale * moments.scale * product / Double(width)
  }

  @inline(__always)
  func normalized(_ piece: Piece<T>, _ x: UnsafePointer<T>) -> T.Vector {
    piece.distance(x, T.Vector(moments.mean)) * T.Vector(moments.scale)
  }

  /// dh, where `dx` is not nil.
  @inline(__always)
  func tangent(_ piece: Piece<T>, _ h: T.Vector) -> T.Vector {
    let centered = (piece.load(dx!) - T.Vector(mean)) * T.Vector(moments.scale)
    return h.fused(times: T.Vector(-q), plus: centered)
  }
}

/// What is pulled back through a normalization: the gradient `g` of its result and that gradient's tangent `dg`, and along
/// which dx and dw its inputs move.
public struct RowPullback {
  public var g: UnsafeRawPointer?
  public var dg: UnsafeRawPointer?
  public var dx: UnsafeRawPointer?
  public var dw: UnsafeRawPointer?

  public init(
    g: UnsafeRawPointer? = nil, dg: UnsafeRawPointer? = nil, dx: UnsafeRawPointer? = nil,
    dw: UnsafeRawPointer? = nil
  ) {
    (self.g, self.dg, self.dx, self.dw) = (g, dg, dx, dw)
  }
}

extension RowNorm {
  /// The tangent of the gradients along dx and dw, which is the gradient itself where only `dg` is given. With u = w g,
  /// du = dw g + w dg, P(v) = v - mean v - h mean(h v) and gx = s P(u), gw = sum g h and gb = sum g over the rows,
  ///   dgx = s (P(du) - q P(u) - dh mean(h u) - h mean(u dh)),  dgw = sum dg h + g dh,  dgb = sum dg.
  /// `gx` (+)= dgx where it is given; the sums are returned, if asked for: dgb and then dgw.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func pull<T: Scalar>(
    _: T.Type, _ x: UnsafeRawPointer, weight: UnsafeRawPointer, _ pulled: RowPullback,
    gx: (pointer: UnsafeMutableRawPointer, accumulate: Bool)?, sums wanted: Bool
  ) -> [Double] {
    let x = x.assumingMemoryBound(to: T.self)
    let w = weight.assumingMemoryBound(to: T.self)
    let g = pulled.g?.assumingMemoryBound(to: T.self)
    let dg = pulled.dg?.assumingMemoryBound(to: T.self)
    let dx = pulled.dx?.assumingMemoryBound(to: T.self)
    let dw = pulled.dw?.assumingMemoryBound(to: T.self)
    let out = gx?.pointer.assumingMemoryBound(to: T.self)
    let accumulate = gx?.accumulate ?? false
    let (width, length, moments, isCentered) = (width, rowsInBlock, rowMoments, isCentered)
    let blocks = (rows + length - 1) / length
    guard
      let partials = Storage.room(zeroed: wanted ? max(1, blocks * 2 * width) * MemoryLayout<T>.stride : 1)
    else { return [Double](repeating: 0, count: wanted ? 2 * width : 0) }
    let partial = partials.pointer.assumingMemoryBound(to: T.self)
    ThreadPool.shared.run(blocks) { block in
      for row in (block &* length)..<min(rows, (block &+ 1) &* length) {
        let start = row &* width
        let slice = RowSlice<T>(
          x + start, w, g.map { $0 + start }, dg.map { $0 + start }, dw,
          RowMotion<T>(x + start, dx.map { $0 + start }, width, moments[row], isCentered), width)
        let sums = wanted ? partial + block &* 2 &* width : nil
        if let out {
          slice.write(out + start, accumulate, sums)
        } else if let sums {
          Piece<T>.forEach(width) { slice.addColumns($0, sums) }
        }
      }
    }
    return wanted ? total(T.self, UnsafePointer(partial), blocks, 2 * width) : []
  }

  /// The sum of `blocks` arrays behind each other, in order.
  @inline(__always)
  private func total<T: Scalar>(_: T.Type, _ partial: UnsafePointer<T>, _ blocks: Int, _ count: Int)
    -> [Double]
  {
    [Double](unsafeUninitializedCapacity: count) { sums, initialized in
      let sums = sums.baseAddress!
      sums.initialize(repeating: 0, count: count)
      for block in 0..<blocks {
        let from = partial + block &* count
        for i in 0..<count { sums[i] += Double(from[i]) }
      }
      initialized = count
    }
  }
}

/// One row of a pullback.
private struct RowSlice<T: Scalar> {
  private let x: UnsafePointer<T>, w: UnsafePointer<T>
  private let g: UnsafePointer<T>?, dg: UnsafePointer<T>?, dw: UnsafePointer<T>?
  private let motion: RowMotion<T>
  private let width: Int

  @inline(__always)
  init(
    _ x: UnsafePointer<T>, _ w: UnsafePointer<T>, _ g: UnsafePointer<T>?, _ dg: UnsafePointer<T>?,
    _ dw: UnsafePointer<T>?, _ motion: RowMotion<T>, _ width: Int
  ) {
    (self.x, self.w, self.g, self.dg, self.dw) = (x, w, g, dg, dw)
    (self.motion, self.width) = (motion, width)
  }

  /// du
  @inline(__always)
  private func change(_ piece: Piece<T>) -> T.Vector {
    var total = T.Vector(0)
    if let dg { total = piece.load(dg) * piece.load(w) }
    if let g, let dw { total = piece.load(g).fused(times: piece.load(dw), plus: total) }
    return total
  }

  @inline(__always)
  func addColumns(_ piece: Piece<T>, _ sums: UnsafeMutablePointer<T>) {
    let h = motion.normalized(piece, x)
    var product = T.Vector(0)
    if let dg {
      let d = piece.load(dg)
      product = d * h
      piece.add(d, sums)
    }
    if let g, motion.dx != nil {
      product = motion.tangent(piece, h).fused(times: piece.load(g), plus: product)
    }
    piece.add(product, sums + width)
  }

  @inline(__always)
  func write(_ out: UnsafeMutablePointer<T>, _ accumulate: Bool, _ sums: UnsafeMutablePointer<T>?) {
    let (n, s) = (Double(width), motion.moments.scale)
    let center = T.Vector(motion.moments.mean)
    @inline(__always)
    func changes(_ piece: Piece<T>) -> (T.Vector, T.Vector) {
      let change = change(piece)
      return (change, change * piece.distance(x, center))
    }
    let (du, duDistance) = rowSums(T.self, width, changes)
    var constant = motion.isCentered ? -s * du / n : 0
    var bend = -s * s * duDistance / n
    var (own, moved) = (0.0, 0.0)
    if let g, let dx = motion.dx {
      let mean = T.Vector(motion.mean)
      @inline(__always)
      func values(_ piece: Piece<T>) -> (T.Vector, T.Vector) {
        let value = piece.load(g) * piece.load(w)
        return (value, value * piece.distance(x, center))
      }
      @inline(__always)
      func along(_ piece: Piece<T>) -> (T.Vector, T.Vector) {
        (piece.load(g) * piece.load(w) * (piece.load(dx) - mean), T.Vector(0))
      }
      let (u, uDistance) = rowSums(T.self, width, values)
      let uChange = rowSums(T.self, width, along).0
      // dh and mean(u dh) hold -q h and -q mean(h u): with that of q P(u), h has 3 q mean(h u).
      let pulled = s * uDistance / n
      bend += s * (3 * motion.q * pulled - s * uChange / n)
      if motion.isCentered { constant += s * motion.q * u / n }
      own = -s * motion.q
      moved = -s * s * pulled
    }
    let (slope, h0, h1) = (T.Vector(s), T.Vector(constant), T.Vector(bend))
    let (ownFactor, movedFactor, mean) = (T.Vector(own), T.Vector(moved), T.Vector(motion.mean))
    Piece<T>.forEach(width) { piece in
      let h = motion.normalized(piece, x)
      var total = change(piece).fused(times: slope, plus: h.fused(times: h1, plus: h0))
      if let g, let dx = motion.dx {
        total = (piece.load(g) * piece.load(w)).fused(times: ownFactor, plus: total)
        total = (piece.load(dx) - mean).fused(times: movedFactor, plus: total)
      }
      if accumulate { piece.add(total, out) } else { piece.store(total, out) }
      if let sums { addColumns(piece, sums) }
    }
  }
}
