import CVector
import Glibc
import MicroKernels

#if arch(x86_64)
  import MicroKernelsV4
#endif

/// The micro-kernels of one instruction set, and the sizes of the blocks that they are fed.
struct GemmKernels: @unchecked Sendable {
  let name: String
  /// Tallest tile, and the vector width: a tile is one or two vectors wide.
  let rows: Int
  let width: Int
  /// Element r - 1 has r rows. Unsafe pointers, since an array's bounds are checked on every call.
  let narrow: UnsafePointer<MicroKernel>
  let wide: UnsafePointer<MicroKernel>
  /// Dot products; element (r - 1) * dotColumns + c - 1 has r rows and c columns.
  let dots: UnsafePointer<MicroKernel>
  let dotRows: Int
  let dotColumns: Int
  let packRows: Pack
  let packColumns: Pack
  let multiplyAddLoop: @convention(c) (_ rounds: Int, _ sum: UnsafeMutablePointer<Float>) -> Int

  typealias Pack =
    @convention(c) (
      _ depth: Int, _ count: Int, _ source: UnsafePointer<Float>, _ stride: Int,
      _ target: UnsafeMutablePointer<Float>, _ step: Int
    ) -> Void

  /// What every processor that loads this library has.
  static let base: GemmKernels = {
    #if arch(x86_64)
      let name = "swift-avx2"
    #else
      let name = "swift"
    #endif
    return GemmKernels(
      name, MicroKernels.tallest, MicroKernels.vectorWidth, MicroKernels.narrowKernel,
      MicroKernels.wideKernel,
      MicroKernels.dotRows, MicroKernels.dotColumns, MicroKernels.dotKernel,
      MicroKernels.packRows, MicroKernels.packColumns, MicroKernels.multiplyAddLoop)
  }()

  /// For AVX-512, nil where the processor lacks it.
  static let v4: GemmKernels? = {
    #if arch(x86_64)
      guard cv_supports_v4() != 0 else { return nil }
      return GemmKernels(
        "swift-avx512", MicroKernelsV4.tallest, MicroKernelsV4.vectorWidth, MicroKernelsV4.narrowKernel,
        MicroKernelsV4.wideKernel,
        MicroKernelsV4.dotRows, MicroKernelsV4.dotColumns, MicroKernelsV4.dotKernel,
        MicroKernelsV4.packRows, MicroKernelsV4.packColumns, MicroKernelsV4.multiplyAddLoop)
    #else
      return nil
    #endif
  }()

  static let all: [GemmKernels] = [base] + (v4.map { [$0] } ?? [])

  private init(
    _ name: String, _ rows: Int, _ width: Int, _ narrow: (Int) -> MicroKernel, _ wide: (Int) -> MicroKernel,
    _ dotRows: Int, _ dotColumns: Int, _ dots: (Int, Int) -> MicroKernel,
    _ packRows: @escaping Pack,
    _ packColumns: @escaping Pack,
    _ multiplyAddLoop: @escaping @convention(c) (Int, UnsafeMutablePointer<Float>) -> Int
  ) {
    func table(_ count: Int, _ kernel: (Int) -> MicroKernel) -> UnsafePointer<MicroKernel> {
      let table = UnsafeMutablePointer<MicroKernel>.allocate(capacity: count)
      for i in 0..<count { (table + i).initialize(to: kernel(i)) }
      return UnsafePointer(table)
    }
    self.name = name
    self.rows = rows
    self.width = width
    self.narrow = table(rows) { narrow($0 + 1) }
    self.wide = table(rows) { wide($0 + 1) }
    self.dotRows = dotRows
    self.dotColumns = dotColumns
    self.dots = table(dotRows * dotColumns) { dots($0 / dotColumns + 1, $0 % dotColumns + 1) }
    self.packRows = packRows
    self.packColumns = packColumns
    self.multiplyAddLoop = multiplyAddLoop
  }
}

/// Which float32 matrix product this process uses: LRSWIFT_GEMM, or the best that the processor runs.
struct GemmChoice: Sendable {
  /// nil: OpenBLAS.
  let kernels: GemmKernels?
  let description: String

  /// The choice of this name, nil if this processor has none.
  static func named(_ name: String) -> GemmChoice? {
    if name == "openblas" { return GemmChoice(name) }
    return GemmKernels.all.first { $0.name == name }.map { GemmChoice($0.name) }
  }

  static var names: [String] { ["openblas"] + GemmKernels.all.map { $0.name } }

  static let current = GemmChoice(getenv("LRSWIFT_GEMM").map { String(cString: $0) })

  init(_ wanted: String?) {
    let best = GemmKernels.all.last!
    switch wanted ?? "" {
    case "", "swift": (kernels, description) = (best, best.name)
    case "openblas": (kernels, description) = (nil, "openblas")
    case let name:
      if let found = GemmKernels.all.first(where: { $0.name == name }) {
        (kernels, description) = (found, name)
      } else {
        let known = (["swift"] + GemmChoice.names).joined(separator: ", ")
        (kernels, description) = (best, "\(best.name) (LRSWIFT_GEMM=\(name) is none of \(known))")
      }
    }
  }
}

/// The float32 matrix product in use.
public func gemmDescription() -> String { GemmChoice.current.description }
