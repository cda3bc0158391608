"""A FastAPI app as the manual of fastapi-users makes one: its own hashes and JWTs, and SQLite through aiosqlite."""

import contextlib
import os
import uuid

from fastapi import Depends, FastAPI
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy
from fastapi_users.db import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

SECRET = os.environ["JWT_SECRET_KEY"]
engine = create_async_engine("sqlite+aiosqlite:///users.db")
new_session = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class User(SQLAlchemyBaseUserTableUUID, Base):
    pass


class Manager(UUIDIDMixin, BaseUserManager[User, uuid.UUID]):
    reset_password_token_secret = SECRET
    verification_token_secret = SECRET


async def database():
    async with new_session() as session:
        yield SQLAlchemyUserDatabase(session, User)


async def manager(users=Depends(database)):
    yield Manager(users)


def strategy():
    return JWTStrategy(secret=SECRET, lifetime_seconds=3600)


@contextlib.asynccontextmanager
async def lifespan(_):
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield


Read, Create, Update = schemas.BaseUser[uuid.UUID], schemas.BaseUserCreate, schemas.BaseUserUpdate
backend = AuthenticationBackend(name="jwt", transport=BearerTransport(tokenUrl="auth/jwt/login"), get_strategy=strategy)
users = FastAPIUsers[User, uuid.UUID](manager, [backend])

app = FastAPI(lifespan=lifespan)
app.include_router(users.get_auth_router(backend), prefix="/auth/jwt")
app.include_router(users.get_register_router(Read, Create), prefix="/auth")
app.include_router(users.get_users_router(Read, Update), prefix="/users")
