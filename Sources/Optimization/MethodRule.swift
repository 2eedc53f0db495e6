import Kernels
import Vocabulary

/// One place of all the vectors of a whole method: the parameter, its raw gradient, and up to four of the method's own.
public struct Place<L: Lane> {
  public var theta: L
  public let g: L
  public var s0, s1, s2, s3: L
}

/// The numbers of a pass, as lanes.
public struct PassLanes<L: Lane> {
  public let rate, scale, weight, memory: L

  init(_ scalars: PassScalars) {
    rate = L(scalars.rate)
    scale = L(scalars.scale)
    weight = L(scalars.weight)
    memory = L(scalars.memory)
  }
}

/// Pairs of factors whose products a pass sums.
public struct Terms<L: Lane> {
  public var first = (L(0), L(0)), second = (L(0), L(0)), third = (L(0), L(0))
  public init() {}
}

/// What a pass touches, so that it moves no more memory than it must: the vectors that it reads and writes, a bit each
/// from the lowest on, whether it reads the gradient, whether it writes the parameter.
public struct Touch {
  public let reads, writes: UInt8
  public let gradient, moves: Bool
}

/// A rate that changes the recursion of its direction: a first pass over the vectors that updates them and sums what the
/// scalar machine decides on, then, for most, a second that steps. Written once over its lane, as update rules are.
public protocol MethodRule {
  /// Names of its vectors, at most four.
  static var names: [String] { get }
  /// From this one on they start as a copy of the parameters, those before as zeros.
  static var copiedFrom: Int { get }
  static var first: Touch { get }
  static var second: Touch? { get }
  /// How many sums the first pass makes.
  static var sums: Int { get }
  static func first<L: Lane>(_ p: inout Place<L>, _ h: Hyper<L>, _ m: PassLanes<L>) -> Terms<L>
  static func second<L: Lane>(_ p: inout Place<L>, _ h: Hyper<L>, _ m: PassLanes<L>)
}

extension MethodRule {
  static var copiedFrom: Int { names.count }
  static var second: Touch? { nil }
  @inline(__always)
  static func second<L: Lane>(_ p: inout Place<L>, _ h: Hyper<L>, _ m: PassLanes<L>) {}
}

extension Lane {
  /// |x| in the arithmetic that every lane has.
  @inline(__always)
  var magnitude: Self { Self.maximum(self, -self) }
}
