import TestSupport
import XCTest

@testable import Kernels

/// Winograd convolution of every instruction set that this processor has, against loops, whatever the library would
/// choose.
final class WinogradConvolutionTests: XCTestCase {
  private func check(_ p: ConvolutionProblem, accumulate: Bool) {
    XCTAssertTrue(WinogradPass.allows(p.g, p.outputs))
    for (i, kernels) in WinogradKernels.all.enumerated() {
      p.check(
        Float.self, accumulate: accumulate, { winogradForward(kernels, $0, $1, $2, $3, $4, $5, $6) },
        { winogradInputGradient(kernels, $0, $1, $2, $3, $4, $5, $6) },
        { directWeightGradient(Float.self, .fastest(.float32), $0, $1, $2, $3, $4, $5, $6) }, "kernels \(i)")
    }
  }

  private func geometry(_ height: Int, _ width: Int, _ channels: Int, _ padding: (Int, Int)) -> WindowGeometry
  {
    WindowGeometry(
      height: height, width: width, channels: channels, kernel: (3, 3), stride: (1, 1), padding: padding)
  }

  /// Around the widths of one and two vectors, on both sides.
  func testNumbersOfChannelsAndOutputs() {
    for (channels, outputs) in [
      (16, 16), (17, 16), (16, 17), (31, 33), (32, 32), (33, 20), (20, 50), (48, 64),
    ] {
      check(
        ConvolutionProblem(geometry(5, 6, channels, (1, 1)), images: 2, outputs: outputs),
        accumulate: channels > outputs)
    }
  }

  /// More channels than a product takes at once.
  func testManyChannels() {
    check(ConvolutionProblem(geometry(3, 2, 300, (1, 1)), images: 1, outputs: 16), accumulate: false)
    check(ConvolutionProblem(geometry(3, 2, 16, (1, 1)), images: 1, outputs: 300), accumulate: true)
  }

  /// Whole and ragged tiles, images smaller than one, and outputs that see nothing but padding.
  func testSizesAndPadding() {
    for (i, (height, width)) in [(1, 1), (4, 4), (3, 8), (9, 5), (2, 13), (7, 1), (6, 6)].enumerated() {
      for padding in [(0, 0), (1, 1), (2, 1), (0, 3), (5, 4)] {
        let g = geometry(height, width, 16 + i, padding)
        guard g.outputHeight > 0 && g.outputWidth > 0 else { continue }
        check(ConvolutionProblem(g, images: 1 + i % 2, outputs: 16), accumulate: i % 2 == 0)
      }
    }
  }

  /// More tiles than a task takes; one image and none.
  func testNumbersOfImages() {
    for images in [0, 1, 7, 40] {
      check(
        ConvolutionProblem(geometry(4, 5, 16, (1, 1)), images: images, outputs: 18), accumulate: images == 7)
    }
  }

  func testRandomGeometries() {
    var numbers = Numbers(seed: 23)
    for _ in 0..<30 {
      func upTo(_ most: Int) -> Int { 1 + numbers.integer(below: most) }
      let padding = (upTo(4) - 1, upTo(4) - 1)
      let g = geometry(
        max(upTo(10), 3 - 2 * padding.0), max(upTo(10), 3 - 2 * padding.1), 15 + upTo(30), padding)
      check(ConvolutionProblem(g, images: upTo(3), outputs: 15 + upTo(40)), accumulate: upTo(2) == 1)
    }
  }

  /// A NaN in one image reaches no other, whatever the tiles hold.
  func testNaNStaysInItsImage() {
    let p = ConvolutionProblem(geometry(5, 5, 16, (1, 1)), images: 3, outputs: 16)
    var x = p.x
    for i in (2 * p.g.imageSize)..<(3 * p.g.imageSize) { x[i] = .nan }
    for kernels in WinogradKernels.all {
      let y = Buffer<Float>(count: p.gy.count)
      winogradForward(
        kernels, p.g, 3, 16, Buffer<Float>(x).pointer, Buffer<Float>(p.w).pointer, y.pointer, false)
      let perImage = p.g.positions * 16
      XCTAssertTrue(y.values[..<(2 * perImage)].allSatisfy { $0.isFinite })
      XCTAssertTrue(y.values[(2 * perImage)...].allSatisfy { $0.isNaN })
    }
  }
}
