import CVector

/// Accumulators of a micro-kernel as types: a tile is a row, or one tile above another, so every height is one line.
/// After specialization each vector is a register of its own; arrays and loops over them were not unrolled.

/// One row of the result, and one row of B: a few vectors side by side.
protocol Columns {
  init()
  init(_ p: UnsafePointer<Real>)
  /// self += x b
  mutating func add(_ x: Vector, _ b: Self)
  func write(_ p: UnsafeMutablePointer<Real>, _ accumulate: Bool)
  /// `write` of a complete result, then the bias; what is not finite makes the residue NaN, since x - x is 0 elsewhere.
  func finish(_ p: UnsafeMutablePointer<Real>, _ accumulate: Bool, _ bias: Self, _ residue: inout Self)
}

/// Columns whose results are finished. A protocol of its own, but no conformance of tiles under a condition: that would
/// need their metadata at run time, and with it a function that the linker shares with other targets.
protocol FinishingColumns: Columns {
  init(repeating x: Real)
  /// The sum of the vectors.
  var folded: Vector { get }
}

struct OneVector: FinishingColumns {
  private var v0: Vector

  @inline(__always)
  init() { v0 = Vector(repeating: 0) }
  @inline(__always)
  init(repeating x: Real) { v0 = Vector(repeating: x) }
  @inline(__always)
  init(_ p: UnsafePointer<Real>) { v0 = load(p) }
  @inline(__always)
  mutating func add(_ x: Vector, _ b: Self) { v0 = multiplyAdd(x, b.v0, v0) }
  @inline(__always)
  func write(_ p: UnsafeMutablePointer<Real>, _ accumulate: Bool) {
    store(accumulate ? load(p) + v0 : v0, p)
  }
  @inline(__always)
  func finish(
    _ p: UnsafeMutablePointer<Real>, _ accumulate: Bool, _ bias: OneVector, _ residue: inout OneVector
  ) {
    let x0 = (accumulate ? load(p) + v0 : v0) + bias.v0
    store(x0, p)
    residue.v0 += x0 - x0
  }
  @inline(__always)
  var folded: Vector { v0 }
}

struct TwoVectors: FinishingColumns {
  private var v0: Vector
  private var v1: Vector

  @inline(__always)
  init() {
    v0 = Vector(repeating: 0)
    v1 = Vector(repeating: 0)
  }
  @inline(__always)
  init(repeating x: Real) {
    v0 = Vector(repeating: x)
    v1 = Vector(repeating: x)
  }
  @inline(__always)
  init(_ p: UnsafePointer<Real>) { self.init(p, p + Vector.scalarCount) }
  @inline(__always)
  init(_ p: UnsafePointer<Real>, _ q: UnsafePointer<Real>) {
    v0 = load(p)
    v1 = load(q)
  }
  @inline(__always)
  mutating func add(_ x: Vector, _ b: Self) {
    v0 = multiplyAdd(x, b.v0, v0)
    v1 = multiplyAdd(x, b.v1, v1)
  }
  @inline(__always)
  func write(_ p: UnsafeMutablePointer<Real>, _ accumulate: Bool) {
    let q = p + Vector.scalarCount
    store(accumulate ? load(p) + v0 : v0, p)
    store(accumulate ? load(q) + v1 : v1, q)
  }
  @inline(__always)
  func finish(
    _ p: UnsafeMutablePointer<Real>, _ accumulate: Bool, _ bias: TwoVectors, _ residue: inout TwoVectors
  ) {
    let q = p + Vector.scalarCount
    let x0 = (accumulate ? load(p) + v0 : v0) + bias.v0
    let x1 = (accumulate ? load(q) + v1 : v1) + bias.v1
    store(x0, p)
    store(x1, q)
    residue.v0 += x0 - x0
    residue.v1 += x1 - x1
  }
  @inline(__always)
  var folded: Vector { v0 + v1 }
}

/// Rows of the result, held in registers while A's columns and B's rows pass by.
protocol Tile {
  associatedtype Row: Columns
  static var rows: Int { get }
  init()
  /// self[i] += a[i * stride] b
  mutating func add(_ a: UnsafePointer<Real>, _ stride: Int, _ b: Row)
  func write(_ c: UnsafeMutablePointer<Real>, _ stride: Int, _ accumulate: Bool)
  func finish(
    _ c: UnsafeMutablePointer<Real>, _ stride: Int, _ accumulate: Bool, _ bias: Row, _ residue: inout Row)
}

struct Single<Row: Columns>: Tile {
  private var row: Row

  @inline(__always)
  static var rows: Int { 1 }
  @inline(__always)
  init() { row = Row() }
  @inline(__always)
  mutating func add(_ a: UnsafePointer<Real>, _ stride: Int, _ b: Row) {
    row.add(Vector(repeating: a.pointee), b)
  }
  @inline(__always)
  func write(_ c: UnsafeMutablePointer<Real>, _ stride: Int, _ accumulate: Bool) { row.write(c, accumulate) }
  @inline(__always)
  func finish(
    _ c: UnsafeMutablePointer<Real>, _ stride: Int, _ accumulate: Bool, _ bias: Row, _ residue: inout Row
  ) { row.finish(c, accumulate, bias, &residue) }
}

struct Stacked<Upper: Tile, Lower: Tile>: Tile where Upper.Row == Lower.Row {
  private var upper: Upper
  private var lower: Lower

  @inline(__always)
  static var rows: Int { Upper.rows + Lower.rows }
  @inline(__always)
  init() {
    upper = Upper()
    lower = Lower()
  }
  @inline(__always)
  mutating func add(_ a: UnsafePointer<Real>, _ stride: Int, _ b: Upper.Row) {
    upper.add(a, stride, b)
    lower.add(a + Upper.rows &* stride, stride, b)
  }
  @inline(__always)
  func write(_ c: UnsafeMutablePointer<Real>, _ stride: Int, _ accumulate: Bool) {
    upper.write(c, stride, accumulate)
    lower.write(c + Upper.rows &* stride, stride, accumulate)
  }
  @inline(__always)
  func finish(
    _ c: UnsafeMutablePointer<Real>, _ stride: Int, _ accumulate: Bool, _ bias: Upper.Row,
    _ residue: inout Upper.Row
  ) {
    upper.finish(c, stride, accumulate, bias, &residue)
    lower.finish(c + Upper.rows &* stride, stride, accumulate, bias, &residue)
  }
}

typealias Rows1<R: Columns> = Single<R>
typealias Rows2<R: Columns> = Stacked<Rows1<R>, Rows1<R>>
typealias Rows3<R: Columns> = Stacked<Rows2<R>, Rows1<R>>
typealias Rows4<R: Columns> = Stacked<Rows2<R>, Rows2<R>>
typealias Rows5<R: Columns> = Stacked<Rows4<R>, Rows1<R>>
typealias Rows6<R: Columns> = Stacked<Rows4<R>, Rows2<R>>
#if WIDE_VECTORS
  typealias Rows7<R: Columns> = Stacked<Rows4<R>, Rows3<R>>
  typealias Rows8<R: Columns> = Stacked<Rows4<R>, Rows4<R>>
  typealias Rows9<R: Columns> = Stacked<Rows8<R>, Rows1<R>>
  typealias Rows10<R: Columns> = Stacked<Rows8<R>, Rows2<R>>
  typealias Rows11<R: Columns> = Stacked<Rows8<R>, Rows3<R>>
  typealias Rows12<R: Columns> = Stacked<Rows8<R>, Rows4<R>>
  typealias Rows13<R: Columns> = Stacked<Rows8<R>, Rows5<R>>
  typealias Rows14<R: Columns> = Stacked<Rows8<R>, Rows6<R>>
#endif
