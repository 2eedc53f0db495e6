import TestSupport
import Vocabulary
import XCTest

@testable import Kernels

/// Sums along channels against every product as a loop, for random geometries, and where they are chosen.
final class DepthwiseConvolutionTests: XCTestCase {
  private func check<T: Scalar>(_: T.Type, _ p: ConvolutionProblem, accumulate: Bool) {
    p.check(
      T.self, accumulate: accumulate,
      { g, n, _, a, b, out, add in depthwiseForward(T.self, g, n, a, b, out, add) },
      { g, n, _, a, b, out, add in depthwiseInputGradient(T.self, g, n, a, b, out, add) },
      { g, n, _, a, b, out, add in depthwiseWeightGradient(T.self, g, n, a, b, out, add) })
  }

  func testAgainstLoops() {
    var numbers = Numbers(seed: 5)
    func upTo(_ n: Int) -> Int { 1 + numbers.integer(below: n) }
    for i in 0..<60 {
      let (kernel, dilation) = ((upTo(5), upTo(5)), (upTo(3), upTo(3)))
      let padding = (upTo(4) - 1, upTo(4) - 1)
      let channels = 1 + upTo(40)
      let g = WindowGeometry(
        height: max(upTo(9), (kernel.0 - 1) * dilation.0 + 1 - 2 * padding.0),
        width: max(upTo(9), (kernel.1 - 1) * dilation.1 + 1 - 2 * padding.1), channels: channels,
        kernel: kernel,
        stride: (upTo(3), upTo(3)), padding: padding, dilation: dilation, groups: channels)
      for type in scalarTypes {
        check(
          type, ConvolutionProblem(g, images: i % 11, outputs: channels), accumulate: i % 2 == 0)
      }
    }
  }

  func testIsChosenWhereEveryChannelHasItsOwnKernel() {
    var g = WindowGeometry(
      height: 8, width: 8, channels: 6, kernel: (3, 3), stride: (1, 1), padding: (1, 1), groups: 6)
    for type in [DType.float32, .float64] {
      XCTAssertEqual(ConvolutionChoice.forward(type, g, 4, 6), .depthwise)
      XCTAssertEqual(ConvolutionChoice.inputGradient(type, g, 4, 6), .depthwise)
      XCTAssertEqual(ConvolutionChoice.weightGradient(g, 6), .depthwise)
      XCTAssertNotEqual(ConvolutionChoice.forward(type, g, 4, 12), .depthwise)
    }
    g.groups = 3
    XCTAssertNotEqual(ConvolutionChoice.weightGradient(g, 6), .depthwise)
    (g.groups, g.channels) = (1, 1)
    XCTAssertNotEqual(ConvolutionChoice.forward(.float32, g, 4, 1), .depthwise)
  }
}
