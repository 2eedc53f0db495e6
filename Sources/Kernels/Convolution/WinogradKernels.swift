import CVector
import MicroKernels

#if arch(x86_64)
  import MicroKernelsV4
#endif

/// The leaves of Winograd convolution for one instruction set.
struct WinogradKernels: Sendable {
  let products: GemmKernels
  let input: @Sendable (UnsafePointer<cv_winograd_input>) -> Void
  let output: @Sendable (UnsafePointer<cv_winograd_output>) -> Void
  let weights: @Sendable (UnsafePointer<cv_winograd_weights>) -> Void

  /// What every processor that loads this library has.
  static let base = WinogradKernels(
    products: .base, input: { MicroKernels.transformWinogradInput($0) },
    output: { MicroKernels.transformWinogradOutput($0) },
    weights: { MicroKernels.transformWinogradWeights($0) })

  /// For AVX-512, nil where the processor lacks it.
  static let v4: WinogradKernels? = {
    #if arch(x86_64)
      return GemmKernels.v4.map { products in
        WinogradKernels(
          products: products, input: { MicroKernelsV4.transformWinogradInput($0) },
          output: { MicroKernelsV4.transformWinogradOutput($0) },
          weights: { MicroKernelsV4.transformWinogradWeights($0) })
      }
    #else
      return nil
    #endif
  }()

  /// Those that this processor can run, the fastest last.
  static let all = [base] + (v4.map { [$0] } ?? [])
  static let fastest = all.last!
}
