/// 1 / (1 + e^-x).
enum Sigmoid: PointwiseFunction {
  static var name: String { "sigmoid" }
  static var reads: PointwiseReads { .output }

  @inline(__always)
  static func value<L: VectorLane>(_ x: L, _ p: PointwiseParameters) -> L { L.sigmoid(x) }
  @inline(__always)
  static func first<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L { y * (L(1) - y) }
  @inline(__always)
  static func second<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L {
    y * (L(1) - y) * (L(1) - y - y)
  }
}
