import TestSupport
import XCTest

@testable import Kernels

/// One convolution with every product of <gy, x * w> as a loop.
struct ConvolutionProblem {
  let g: WindowGeometry
  let images: Int
  let outputs: Int
  let x: [Double]
  let w: [Double]
  let gy: [Double]

  init(_ g: WindowGeometry, images: Int, outputs: Int) {
    var numbers = Numbers(seed: UInt64(images * 31 + outputs))
    (self.g, self.images, self.outputs) = (g, images, outputs)
    x = numbers.array(images * g.imageSize)
    w = numbers.array(g.patchSize * outputs)
    gy = numbers.array(images * g.positions * outputs)
  }

  /// Indices into gy, x and w of every term.
  func forEachTerm(_ body: (_ y: Int, _ x: Int, _ w: Int) -> Void) {
    let (perGroup, positions, imageSize) = (outputs / g.groups, g.positions, g.imageSize)
    for image in 0..<images {
      for group in 0..<g.groups {
        WindowTests.forEachElement(g, group) { position, element, at in
          guard let at else { return }
          for o in (group * perGroup)..<((group + 1) * perGroup) {
            body((image * positions + position) * outputs + o, image * imageSize + at, element * outputs + o)
          }
        }
      }
    }
  }

  /// Forward, input gradient and weight gradient, as (images, outputs, operand, operand, result, accumulate).
  typealias Contraction = (
    WindowGeometry, Int, Int, UnsafeRawPointer, UnsafeRawPointer, UnsafeMutableRawPointer, Bool
  ) -> Void

  /// Compares three contractions with the loop, and their bits for several numbers of threads.
  func check<T: Scalar>(
    _: T.Type, accumulate: Bool, _ forward: Contraction, _ inputGradient: Contraction,
    _ weightGradient: Contraction, _ label: String = ""
  ) {
    let (x, w, gy) = (Buffer<T>(x), Buffer<T>(w), Buffer<T>(gy))
    var numbers = Numbers(seed: 12)
    func result(
      _ count: Int, _ contraction: Contraction, _ a: Buffer<T>, _ b: Buffer<T>, _ terms: Int,
      _ term: (inout [Double]) -> Void
    ) {
      let before = accumulate ? numbers.array(count) : [Double](repeating: 0, count: count)
      var wanted = before
      term(&wanted)
      let got = sameBitsForAnyThreads {
        let out = accumulate ? Buffer<T>(before) : Buffer<T>(count: count)
        contraction(g, images, outputs, a.pointer, b.pointer, out.pointer, accumulate)
        return out.values
      }
      expectClose(T.self, got, wanted, units: 8 + Double(terms), "\(label) \(g) \(images) \(outputs)")
    }
    result(self.gy.count, forward, x, w, g.patchSize) { wanted in
      forEachTerm { wanted[$0] += self.x[$1] * self.w[$2] }
    }
    result(self.x.count, inputGradient, gy, w, g.kernelHeight * g.kernelWidth * outputs) { wanted in
      forEachTerm { wanted[$1] += self.gy[$0] * self.w[$2] }
    }
    result(self.w.count, weightGradient, gy, x, images * g.positions) { wanted in
      forEachTerm { wanted[$2] += self.gy[$0] * self.x[$1] }
    }
  }
}

final class ConvolutionTests: XCTestCase {
  private func check<T: Scalar>(_: T.Type, _ p: ConvolutionProblem, accumulate: Bool) {
    p.check(
      T.self, accumulate: accumulate, { convolveForward(T.self, $0, $1, $2, $3, $4, $5, $6) },
      { convolveInputGradient(T.self, $0, $1, $2, $3, $4, $5, $6) },
      { convolveWeightGradient(T.self, $0, $1, $2, $3, $4, $5, $6) })
  }

  func testAgainstLoops() {
    for (i, g) in WindowTests.geometries.enumerated() {
      for accumulate in [false, true] {
        for type in scalarTypes {
          check(type, ConvolutionProblem(g, images: 2, outputs: g.groups * (1 + i)), accumulate: accumulate)
        }
      }
    }
  }

  /// More images than blocks of images, one, and none.
  func testNumbersOfImages() {
    let g = WindowGeometry(height: 3, width: 3, channels: 2, kernel: (2, 2), stride: (1, 1), padding: (1, 0))
    for images in [0, 1, 8, 19] {
      for type in scalarTypes {
        check(type, ConvolutionProblem(g, images: images, outputs: 3), accumulate: images == 8)
      }
    }
  }
}
