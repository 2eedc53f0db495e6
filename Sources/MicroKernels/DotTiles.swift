import CVector

/// Tiles of dot products along contiguous rows of both sides, for products that share too little to earn packing. Sums are
/// kept in the lanes of the widest vector and folded in one order for every vector width, so that all instruction sets give the same bits.

/// Rows and columns of the largest tile: its accumulators, and what feeds them, fill the registers.
#if WIDE_VECTORS
  public let dotRows = 4
  public let dotColumns = 4
#else
  public let dotRows = 2
  public let dotColumns = 3
#endif

/// A tile's element (i, j) goes to c[4 i + j]; row i of A is at a[i * a_row], column j of B at b[j * b_step]; depth is that of a
/// vector or more.
public func dotKernel(_ rows: Int, _ columns: Int) -> MicroKernel {
  switch (rows, columns) {
  case (1, 1): return { multiplyDots(Dots1<Sums1>.self, $0) }
  case (1, 2): return { multiplyDots(Dots1<Sums2>.self, $0) }
  case (1, 3): return { multiplyDots(Dots1<Sums3>.self, $0) }
  case (2, 1): return { multiplyDots(Dots2<Sums1>.self, $0) }
  case (2, 2): return { multiplyDots(Dots2<Sums2>.self, $0) }
  #if WIDE_VECTORS
    case (1, 4): return { multiplyDots(Dots1<Sums4>.self, $0) }
    case (2, 4): return { multiplyDots(Dots2<Sums4>.self, $0) }
    case (3, 1): return { multiplyDots(Dots3<Sums1>.self, $0) }
    case (3, 2): return { multiplyDots(Dots3<Sums2>.self, $0) }
    case (3, 3): return { multiplyDots(Dots3<Sums3>.self, $0) }
    case (3, 4): return { multiplyDots(Dots3<Sums4>.self, $0) }
    case (4, 1): return { multiplyDots(Dots4<Sums1>.self, $0) }
    case (4, 2): return { multiplyDots(Dots4<Sums2>.self, $0) }
    case (4, 3): return { multiplyDots(Dots4<Sums3>.self, $0) }
    case (4, 4): return { multiplyDots(Dots4<Sums4>.self, $0) }
  #endif
  default: return { multiplyDots(Dots2<Sums3>.self, $0) }
  }
}

@inline(__always)
private func multiplyDots<T: DotTile>(_: T.Type, _ operands: UnsafePointer<cv_tile>) {
  let given = operands.pointee
  var tile = T()
  var (a, b, left) = (reals(given.a), reals(given.b), given.depth)
  while left >= lanes {
    tile.add(a, given.a_row, T.Row(b, given.b_step, lanes), lanes)
    a += lanes
    b += lanes
    left &-= lanes
  }
  if left > 0 {
    // The last lanes once more, without those that are counted already.
    let back = lanes &- left
    tile.add(a - back, given.a_row, T.Row(b - back, given.b_step, left), left)
  }
  #if DOUBLE_PRECISION
    cv_fold_groups_f64(tile.row(0), tile.row(1), tile.row(2), tile.row(3), reals(given.c))
  #else
    storeLanes(cv_fold_groups_f32(tile.row(0), tile.row(1), tile.row(2), tile.row(3)), reals(given.c))
  #endif
}

/// A vector of numbers, of which all but the last `count` are zeros.
@inline(__always)
private func load(_ p: UnsafePointer<Real>, last count: Int) -> Lanes {
  let all = loadLanes(p)
  if count == lanes { return all }
  #if DOUBLE_PRECISION
    return cv_last_f64(all, Int32(truncatingIfNeeded: count))
  #else
    return cv_last_f32(all, Int32(truncatingIfNeeded: count))
  #endif
}

/// Group g of the result: sums of the four numbers in group g of a, b, c and d.
@inline(__always)
private func fold(_ a: Lanes, _ b: Lanes, _ c: Lanes, _ d: Lanes) -> Lanes {
  #if DOUBLE_PRECISION
    return cv_fold_lanes_f64(a, b, c, d)
  #else
    return cv_fold_lanes_f32(a, b, c, d)
  #endif
}

/// What one row of A has with one to four columns of B; or the lanes of these columns.
private protocol DotSums {
  init()
  init(_ b: UnsafePointer<Real>, _ stride: Int, _ count: Int)
  mutating func add(_ x: Lanes, _ b: Self)
  /// Sums of each column's lanes within groups of four.
  func folded() -> Lanes
}

private struct Sums1: DotSums {
  private var v0 = Lanes(repeating: 0)

  @inline(__always)
  init() {}
  @inline(__always)
  init(_ b: UnsafePointer<Real>, _ stride: Int, _ count: Int) { v0 = load(b, last: count) }
  @inline(__always)
  mutating func add(_ x: Lanes, _ b: Self) { v0 = multiplyAdd(x, b.v0, v0) }
  @inline(__always)
  func folded() -> Lanes {
    let zero = Lanes(repeating: 0)
    return fold(v0, zero, zero, zero)
  }
}

private struct Sums2: DotSums {
  private var v0 = Lanes(repeating: 0)
  private var v1 = Lanes(repeating: 0)

  @inline(__always)
  init() {}
  @inline(__always)
  init(_ b: UnsafePointer<Real>, _ stride: Int, _ count: Int) {
    v0 = load(b, last: count)
    v1 = load(b + stride, last: count)
  }
  @inline(__always)
  mutating func add(_ x: Lanes, _ b: Self) {
    v0 = multiplyAdd(x, b.v0, v0)
    v1 = multiplyAdd(x, b.v1, v1)
  }
  @inline(__always)
  func folded() -> Lanes {
    let zero = Lanes(repeating: 0)
    return fold(v0, v1, zero, zero)
  }
}

private struct Sums3: DotSums {
  private var v0 = Lanes(repeating: 0)
  private var v1 = Lanes(repeating: 0)
  private var v2 = Lanes(repeating: 0)

  @inline(__always)
  init() {}
  @inline(__always)
  init(_ b: UnsafePointer<Real>, _ stride: Int, _ count: Int) {
    v0 = load(b, last: count)
    v1 = load(b + stride, last: count)
    v2 = load(b + 2 &* stride, last: count)
  }
  @inline(__always)
  mutating func add(_ x: Lanes, _ b: Self) {
    v0 = multiplyAdd(x, b.v0, v0)
    v1 = multiplyAdd(x, b.v1, v1)
    v2 = multiplyAdd(x, b.v2, v2)
  }
  @inline(__always)
  func folded() -> Lanes { fold(v0, v1, v2, Lanes(repeating: 0)) }
}

#if WIDE_VECTORS
  private struct Sums4: DotSums {
    private var v0 = Lanes(repeating: 0)
    private var v1 = Lanes(repeating: 0)
    private var v2 = Lanes(repeating: 0)
    private var v3 = Lanes(repeating: 0)

    @inline(__always)
    init() {}
    @inline(__always)
    init(_ b: UnsafePointer<Real>, _ stride: Int, _ count: Int) {
      v0 = load(b, last: count)
      v1 = load(b + stride, last: count)
      v2 = load(b + 2 &* stride, last: count)
      v3 = load(b + 3 &* stride, last: count)
    }
    @inline(__always)
    mutating func add(_ x: Lanes, _ b: Self) {
      v0 = multiplyAdd(x, b.v0, v0)
      v1 = multiplyAdd(x, b.v1, v1)
      v2 = multiplyAdd(x, b.v2, v2)
      v3 = multiplyAdd(x, b.v3, v3)
    }
    @inline(__always)
    func folded() -> Lanes { fold(v0, v1, v2, v3) }
  }
#endif

/// Rows of A above each other.
private protocol DotTile {
  associatedtype Row: DotSums
  static var rows: Int { get }
  init()
  mutating func add(_ a: UnsafePointer<Real>, _ stride: Int, _ b: Row, _ count: Int)
  /// Row i folded, zeros behind the last.
  func row(_ i: Int) -> Lanes
}

private struct Dots1<Row: DotSums>: DotTile {
  private var sums = Row()

  @inline(__always)
  static var rows: Int { 1 }
  @inline(__always)
  init() {}
  @inline(__always)
  mutating func add(_ a: UnsafePointer<Real>, _ stride: Int, _ b: Row, _ count: Int) {
    sums.add(load(a, last: count), b)
  }
  @inline(__always)
  func row(_ i: Int) -> Lanes { i == 0 ? sums.folded() : Lanes(repeating: 0) }
}

private struct DotsStacked<Upper: DotTile, Lower: DotTile>: DotTile where Upper.Row == Lower.Row {
  private var upper = Upper()
  private var lower = Lower()

  @inline(__always)
  static var rows: Int { Upper.rows + Lower.rows }
  @inline(__always)
  init() {}
  @inline(__always)
  mutating func add(_ a: UnsafePointer<Real>, _ stride: Int, _ b: Upper.Row, _ count: Int) {
    upper.add(a, stride, b, count)
    lower.add(a + Upper.rows &* stride, stride, b, count)
  }
  @inline(__always)
  func row(_ i: Int) -> Lanes { i < Upper.rows ? upper.row(i) : lower.row(i &- Upper.rows) }
}

private typealias Dots2<R: DotSums> = DotsStacked<Dots1<R>, Dots1<R>>
#if WIDE_VECTORS
  private typealias Dots3<R: DotSums> = DotsStacked<Dots2<R>, Dots1<R>>
  private typealias Dots4<R: DotSums> = DotsStacked<Dots2<R>, Dots2<R>>
#endif
