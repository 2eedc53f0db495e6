/// 1 / x: division is a product with it.
enum Reciprocal: PointwiseFunction {
  static var name: String { "reciprocal" }
  static var reads: PointwiseReads { .output }
  static var domain: ExampleDomain { .positive }

  @inline(__always)
  static func value<L: VectorLane>(_ x: L, _ p: PointwiseParameters) -> L { L(1) / x }
  @inline(__always)
  static func first<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L { L(0) - y * y }
  @inline(__always)
  static func second<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L { L(2) * y * y * y }
}
