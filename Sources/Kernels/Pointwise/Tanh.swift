/// tanh x.
enum Tanh: PointwiseFunction {
  static var name: String { "tanh" }
  static var reads: PointwiseReads { .output }

  @inline(__always)
  static func value<L: VectorLane>(_ x: L, _ p: PointwiseParameters) -> L { L.tanh(x) }
  @inline(__always)
  static func first<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L { L(1) - y * y }
  @inline(__always)
  static func second<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L {
    L(-2) * y * (L(1) - y * y)
  }
}
