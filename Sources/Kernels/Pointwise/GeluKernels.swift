import CVector
import MicroKernels

#if arch(x86_64)
  import MicroKernelsV4
#endif

/// GELU of single precision in the widest vectors that the processor has.
struct GeluKernels: Sendable {
  let values: @Sendable (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void
  let slopes:
    @Sendable (UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int, Bool) -> Void

  /// Those that this processor can run, the fastest last.
  static let all: [GeluKernels] = {
    let base = GeluKernels(
      values: { MicroKernels.geluValues($0, $1, $2) },
      slopes: { MicroKernels.geluSlopes($0, $1, $2, $3, $4) })
    #if arch(x86_64)
      if cv_supports_v4() != 0 {
        return [
          base,
          GeluKernels(
            values: { MicroKernelsV4.geluValues($0, $1, $2) },
            slopes: { MicroKernelsV4.geluSlopes($0, $1, $2, $3, $4) }),
        ]
      }
    #endif
    return [base]
  }()

  private static let best = all.last!

  /// The loops of `Gelu` over whole vectors, and its lane arithmetic for the rest.
  static let pointwise: PointwiseKernels = {
    let plain = PointwiseKernels(Gelu.self, Float.self)
    return PointwiseKernels(
      value: { x, y, n, p in
        let (x, y) = (x.assumingMemoryBound(to: Float.self), y.assumingMemoryBound(to: Float.self))
        parallelRanges(n) { low, high in
          let whole = (high - low) & ~15
          best.values(x + low, y + low, whole)
          pointwiseValue(Gelu.self, x, y, low + whole, high, p)
        }
      },
      first: { x, y, v, out, n, accumulate, p in
        let (x, y) = (x.assumingMemoryBound(to: Float.self), y.assumingMemoryBound(to: Float.self))
        let (v, out) = (v.assumingMemoryBound(to: Float.self), out.assumingMemoryBound(to: Float.self))
        parallelRanges(n) { low, high in
          let whole = (high - low) & ~15
          best.slopes(x + low, v + low, out + low, whole, accumulate)
          pointwiseFirst(Gelu.self, x, y, v, out, low + whole, high, accumulate, p)
        }
      },
      second: plain.second, bends: plain.bends, commutesWithMaximum: plain.commutesWithMaximum,
      reads: plain.reads)
  }()
}
