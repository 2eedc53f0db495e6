import XCTest

@testable import Kernels

/// The plain convolution in float32 too, where it is only the reference of the direct one.
final class PatchConvolutionTests: XCTestCase {
  func testAgainstLoops() {
    for (i, g) in WindowTests.geometries.enumerated() {
      for accumulate in [false, true] {
        ConvolutionProblem(g, images: 3, outputs: g.groups * (2 + i)).check(
          Float.self, accumulate: accumulate, { patchForward(Float.self, $0, $1, $2, $3, $4, $5, $6) },
          { patchInputGradient(Float.self, $0, $1, $2, $3, $4, $5, $6) },
          { patchWeightGradient(Float.self, $0, $1, $2, $3, $4, $5, $6) })
      }
    }
  }
}
