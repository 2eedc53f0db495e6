import XCTest

@testable import Kernels

/// The three contractions against loops over every product of <gy, x * w>.
final class ConvolutionTests: XCTestCase {
  private struct Problem {
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
      for image in 0..<images {
        WindowTests.forEachElement(g) { position, element, at in
          guard let at else { return }
          for o in 0..<outputs {
            body(
              (image * g.positions + position) * outputs + o, image * g.imageSize + at, element * outputs + o)
          }
        }
      }
    }
  }

  private func check<T: Scalar>(_: T.Type, _ p: Problem, accumulate: Bool) {
    let (x, w, gy) = (Buffer<T>(p.x), Buffer<T>(p.w), Buffer<T>(p.gy))
    var numbers = Numbers(seed: 12)
    func result(
      _ count: Int, _ run: (UnsafeMutableRawPointer) -> Void, _ term: (inout [Double]) -> Void
    ) {
      let before = accumulate ? numbers.array(count) : [Double](repeating: 0, count: count)
      var wanted = before
      term(&wanted)
      let got = sameBitsForAnyThreads {
        let out = accumulate ? Buffer<T>(before) : Buffer<T>(count: count)
        run(out.pointer)
        return out.values
      }
      let terms = Double(p.g.patchSize + p.images * p.g.positions)
      expectClose(T.self, got, wanted, units: 8 + terms, "\(p.g) \(p.images) \(p.outputs)")
    }
    result(p.gy.count) {
      convolveForward(T.self, p.g, p.images, p.outputs, x.pointer, w.pointer, $0, accumulate)
    } _: { wanted in
      p.forEachTerm { wanted[$0] += p.x[$1] * p.w[$2] }
    }
    result(p.x.count) {
      convolveInputGradient(T.self, p.g, p.images, p.outputs, gy.pointer, w.pointer, $0, accumulate)
    } _: { wanted in
      p.forEachTerm { wanted[$1] += p.gy[$0] * p.w[$2] }
    }
    result(p.w.count) {
      convolveWeightGradient(T.self, p.g, p.images, p.outputs, gy.pointer, x.pointer, $0, accumulate)
    } _: { wanted in
      p.forEachTerm { wanted[$2] += p.gy[$0] * p.x[$1] }
    }
  }

  func testAgainstDirectLoops() {
    for (i, g) in WindowTests.geometries.enumerated() {
      for accumulate in [false, true] {
        for type in scalarTypes { check(type, Problem(g, images: 2, outputs: 1 + i), accumulate: accumulate) }
      }
    }
  }

  /// More images than blocks of images, one, and none.
  func testNumbersOfImages() {
    let g = WindowGeometry(height: 3, width: 3, channels: 2, kernel: (2, 2), stride: (1, 1), padding: (1, 0))
    for images in [0, 1, 8, 19] {
      for type in scalarTypes { check(type, Problem(g, images: images, outputs: 3), accumulate: images == 8) }
    }
  }
}
