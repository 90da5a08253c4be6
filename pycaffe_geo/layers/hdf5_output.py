"""HDF5Output layer."""

from dataclasses import dataclass

from pycaffe_geo.atomic import atomic_file
from pycaffe_geo.backend import asnumpy
from pycaffe_geo.errors import DataError, ShapeError, SpecError
from pycaffe_geo.layer import Layer, register

_NAMES = ("data", "label")


@dataclass(frozen=True)
class HDF5OutputParam:
    """`file_name`: the HDF5 file to write, from the current directory."""

    file_name: str = ""


@register
class HDF5Output(Layer):
    """Writes bottom 0 to the dataset `data` and bottom 1 to `label` of an HDF5 file, batch after batch (Caffe's HDF5Output).

    The first forward replaces an older file at one stroke; each later one adds its rows, so that HDF5Data can read the file
    after every forward. Real Caffe stops at the second forward, since the datasets are there, and finishes its file only when the
    net is deleted. There is no gradient. Files that cannot be written raise DataError.
    """

    bottoms = (2, 2)
    tops = (0, 0)
    on_host = True
    parameters = {"hdf5_output_param": HDF5OutputParam}
    no_gradient = (0, 1)

    def setup(self, bottom, top):
        if not self.hdf5_output_param.file_name:
            raise SpecError(f"{self.where}: hdf5_output_param: file_name is missing, expected the path of the file to write")
        self.rows = 0

    def reshape(self, bottom, top):
        if not bottom[0].shape or bottom[1].shape[:1] != bottom[0].shape[:1]:
            raise ShapeError(f"{self.where}: bottom '{bottom[1].name}' is {bottom[1].shape}, "
                             f"expected as many rows as '{bottom[0].name}' {bottom[0].shape}")

    def forward(self, bottom, top):
        path = self.hdf5_output_param.file_name
        arrays = [asnumpy(blob.data) for blob in bottom]
        try:
            if self.rows:
                self._append(path, arrays)
            else:
                _create(path, arrays)
        except (OSError, KeyError) as e:
            raise DataError(f"{self.where}: cannot write {path}: {e}") from e
        self.rows += len(arrays[0])

    def _append(self, path, arrays):
        import h5py

        with h5py.File(path, "r+") as file:
            for name, array in zip(_NAMES, arrays):
                dataset = file[name]
                if dataset.shape[1:] != array.shape[1:]:
                    raise ShapeError(f"{self.where}: rows of '{name}' are {array.shape[1:]}, but {dataset.shape[1:]} in {path}")
                dataset.resize(self.rows + len(array), axis=0)
                dataset[self.rows:] = array


def _create(path, arrays):
    import h5py

    with atomic_file(path) as temporary, h5py.File(temporary, "w") as file:
        for name, array in zip(_NAMES, arrays):
            file.create_dataset(name, data=array, maxshape=(None, *array.shape[1:]))
