import Synchronization

/// What becomes of a product's elements once they are complete: in tiles that are still in the nearest cache where the
/// product is ours, in a pass of its own where it is not. No bits depend on which it was.
public struct GemmFinish {
  /// Added to every row.
  public var bias: UnsafeRawPointer?
  public var watch: FiniteWatch?

  public static let none = GemmFinish()

  public init(bias: UnsafeRawPointer? = nil, watch: FiniteWatch? = nil) {
    self.bias = bias
    self.watch = watch
  }
}

/// Learns from those who write an array whether any of its elements is infinite or NaN.
public final class FiniteWatch: Sendable {
  private let failed = Atomic<Bool>(false)

  public init() {}

  public var isFinite: Bool { !failed.load(ordering: .relaxed) }
  public func reset() { failed.store(false, ordering: .relaxed) }
  func fail() { failed.store(true, ordering: .relaxed) }
}

/// Finishes a whole product of m rows of n elements.
@specialized(where T == Float)
@specialized(where T == Double)
func finishRows<T: Scalar>(_: T.Type, _ finish: GemmFinish, _ c: UnsafeMutableRawPointer, _ m: Int, _ n: Int)
{
  let c = c.assumingMemoryBound(to: T.self)
  let width = T.Vector.width
  if let bias = finish.bias?.assumingMemoryBound(to: T.self) {
    parallelRanges(m, length: max(1, blockLength / n)) { low, high in
      for row in low..<high {
        let to = c + row * n
        var j = 0
        while j &+ width <= n {
          (T.Vector.load(UnsafePointer(to + j)) + T.Vector.load(bias + j)).store(to + j)
          j &+= width
        }
        while j < n {
          to[j] += bias[j]
          j &+= 1
        }
      }
    }
  }
  guard let watch = finish.watch else { return }
  parallelRanges(m * n) { low, high in
    var sum = T.Vector(0)
    var i = low
    while i &+ width <= high {
      let x = T.Vector.load(UnsafePointer(c + i))
      sum = sum + (x - x)
      i &+= width
    }
    var finite = sum.sum() == 0
    while i < high {
      finite = finite && c[i].isFinite
      i &+= 1
    }
    if !finite { watch.fail() }
  }
}
