/// Square root; the derivative at 0 is infinite, as in NumPy and PyTorch.
enum SquareRoot: PointwiseFunction {
  static var name: String { "sqrt" }
  static var domain: ExampleDomain { .positive }

  @inline(__always)
  static func value<L: VectorLane>(_ x: L, _ p: PointwiseParameters) -> L { x.squareRoot() }
  @inline(__always)
  static func first<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L { L(0.5) / y }
  @inline(__always)
  static func second<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L { L(-0.25) / (x * y) }
}
